"""Samples fit the measurement: exactly, bit for bit in a known region, or nearer than the prior's."""

import math

import pytest
import torch

from core.analytic import Mixture
from core.discover import build, names
from core.grids.karras import karras
from core.measurement import is_linear, measure, project
from core.operators.clip import Clip
from core.operators.downsample import Downsample
from core.operators.magnitude import Magnitude
from core.operators.mask import interval
from core.operators.stft_magnitude import STFTMagnitude
from core.posterior.ddnm import ddnm
from core.posterior.diffpir import diffpir
from core.posterior.dps import dps
from core.posterior.pigdm import pigdm
from core.samplers.ddim import ddim
from core.sampling import last, prior
from core.schedules.cosine import Cosine
from core.schedules.rectified import Rectified
from tests.core.posterior.problems import samplers

FITTING = ["ddnm", "replacement", "repaint"]
"""Those that take y as exact: their samples fit it."""


def projected_operators():
    for name in names("core.operators"):
        operator = build("core.operators", name)
        if is_linear(operator) or hasattr(operator, "project"):
            yield name


@pytest.mark.parametrize("operator", projected_operators())
@samplers
def test_ddnm_fits_the_measurement_exactly(operator, sampler, generator):
    """To 1e-10, whatever the sampler: its last step lands on x0_y, which is in the set of signals that fit."""
    operator, schedule = build("core.operators", operator), Rectified()
    measurement = measure(operator, torch.randn(1, 3, 8, generator=generator))
    x, denoise = torch.randn(2, 3, 8, generator=generator), lambda x, t: x / 2
    final = last(ddnm(build("core.samplers", sampler), measurement)(denoise, schedule, x, karras(schedule, 4)))
    assert measurement.residual(final).abs().max() < 1e-10


@pytest.mark.parametrize("name", FITTING)
def test_the_known_region_is_untouched(name, two, generator):
    """Bit for bit, and at every time on the way it is y noised to that time."""
    measurement = measure(interval(2, 5), two.sample(1, generator))
    schedule, x = Cosine(), prior(Cosine(), torch.randn(3, 6, generator=generator))
    states = list(
        build("core.posterior", name)(ddim, measurement)(
            two.denoise(schedule), schedule, x, karras(schedule, 5), randn_like=torch.zeros_like
        )
    )
    known = [0, 1, 5]
    assert torch.equal(states[-1].x[:, known], measurement.y[:, known].expand(3, 3))
    if name != "ddnm":
        for t, y in states:
            assert torch.equal(y[:, known], (schedule.alpha(t) * measurement.y[:, known]).expand(3, 3))


@pytest.mark.parametrize("operator", [Clip(0.4), Magnitude(), STFTMagnitude(8, 4)], ids=repr)
def test_nonlinear_operators_are_fitted_by_those_that_can(operator, generator):
    """White data of 16 elements: following the gradient, or projecting, leaves less of the residual than the prior."""
    data = Mixture(torch.ones(1), torch.zeros(1, 16), 0.25 * torch.eye(16)[None])
    measurement = measure(operator, data.sample(1, generator))
    times, x = karras(Cosine(), 40, sigma_max=40.0), prior(Cosine(), torch.randn(8, 16, generator=generator))

    def left(sampler):
        final = last(sampler(data.denoise(Cosine()), Cosine(), x, times))
        return measurement.residual(final).norm().item()

    free = left(ddim)
    scale = 0.2 if isinstance(operator, STFTMagnitude) else 1.0  # its frames overlap: the gradient is larger
    assert left(dps(ddim, measurement, scale=scale)) < free / 2
    if hasattr(operator, "project"):
        assert left(ddnm(ddim, measurement)) < 1e-10
        assert left(diffpir(ddim, measurement)) < 1e-10
        assert left(pigdm(ddim, measurement)) < free / 2
    else:
        for solver in (ddnm, diffpir, pigdm):
            with pytest.raises(ValueError, match="STFTMagnitude has neither pinv nor project"):
                left(solver(ddim, measurement))


def test_projection_of_a_linear_operator_is_the_nearest_fit(generator):
    x0, true = torch.randn(2, 5, 6, generator=generator)
    p = project(Downsample(2), x0, Downsample(2)(true))
    assert torch.allclose(Downsample(2)(p), Downsample(2)(true))
    assert ((p - x0).norm(dim=1) <= (true - x0).norm(dim=1)).all()
    assert math.isclose(((p - x0) * (true - p)).sum().item(), 0, abs_tol=1e-12)
