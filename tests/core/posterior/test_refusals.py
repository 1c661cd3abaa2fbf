"""Options, operators and denoisers that a solver cannot work with are refused in one line."""

import pytest
import torch

from core.grids.karras import karras
from core.measurement import Measurement
from core.operators.blur import Blur
from core.operators.clip import Clip
from core.operators.identity import Identity
from core.posterior.ddnm_plus import ddnm_plus
from core.posterior.diffpir import diffpir
from core.posterior.dps import dps
from core.posterior.moment_matching import moment_matching
from core.posterior.pigdm import pigdm
from core.posterior.repaint import repaint
from core.posterior.replacement import replacement
from core.posterior.sdedit import sdedit
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedules.edm import EDM


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda m: pigdm(ddim, m, sigma_data=0.0), "pigdm: sigma_data must be positive, got 0.0"),
        (lambda m: moment_matching(ddim, m, iterations=0), "moment_matching: iterations must be at least 1, got 0"),
        (lambda m: moment_matching(ddim, m, sigma_data=-1.0), "moment_matching: sigma_data must be positive, got -1.0"),
        (lambda m: diffpir(ddim, m, lam=0.0), r"diffpir: needs lam > 0 and zeta in \[0, 1\], got 0.0 and 0.0"),
        (lambda m: diffpir(ddim, m, zeta=1.5), r"diffpir: needs lam > 0 and zeta in \[0, 1\], got 1.0 and 1.5"),
        (lambda m: dps(ddim, m, scale=-1.0), "dps: scale must not be negative, got -1.0"),
        (lambda m: repaint(ddim, m, jump=0), "repaint: jump and repeats must be at least 1, got 0 and 10"),
        (lambda m: sdedit(ddim, m, strength=1.5), r"sdedit: strength must lie in \[0, 1\], got 1.5"),
    ],
)
def test_options_out_of_range_are_refused(make, line):
    with pytest.raises(ValueError, match=line):
        make(Measurement(Identity(), torch.ones(1, 4)))


@pytest.mark.parametrize("solver", [replacement, repaint, ddnm_plus, moment_matching])
def test_solvers_that_need_a_matrix_say_so(solver):
    with pytest.raises(ValueError, match="needs a linear operator with adjoint and pinv, got Clip"):
        solver(ddim, Measurement(Clip(), torch.ones(1, 4)))
    if solver is ddnm_plus:
        with pytest.raises(
            ValueError, match="ddnm_plus needs an operator with A A\\^T = gram I on its range, which Blur"
        ):
            solver(ddim, Measurement(Blur(), torch.ones(1, 4)))


@pytest.mark.parametrize("solver", [pigdm, dps, moment_matching])
def test_a_denoiser_that_cuts_the_gradient_is_named(solver):
    run = solver(ddim, Measurement(Identity(), torch.ones(1, 4)))
    with pytest.raises(ValueError, match="the denoiser gives no gradient with respect to x: it must not run under no_"):
        last(run(torch.no_grad()(lambda x, t: x / 2), EDM(), torch.ones(1, 4), karras(EDM(), 3)))
