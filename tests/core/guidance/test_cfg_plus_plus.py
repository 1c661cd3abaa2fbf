"""CFG++ through DDIM is the paper's algorithm, line by line."""

from itertools import pairwise

import pytest
import torch

from core.grids.karras import karras
from core.grids.uniform import uniform
from core.guidance.cfg_plus_plus import cfg_plus_plus
from core.samplers.ddim import ddim
from core.samplers.euler import euler
from core.sampling import along, last
from core.schedule import scales
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified
from tests.core.guidance.models import gaussian, schedules


def cfgpp_by_hand(c, u, schedule, x, times, scale):
    """Chung et al. 2024, algorithm 2, line by line."""
    for t, s in pairwise(times):
        (alpha, sigma), (alpha_s, sigma_s) = scales(schedule, t, x), scales(schedule, s, x)
        x0_c, x0_u = c(x, t), u(x, t)
        eps_u = (x - alpha * x0_u) / sigma
        x = alpha_s * (x0_u + scale * (x0_c - x0_u)) + sigma_s * eps_u
    return x


@schedules
@pytest.mark.parametrize("scale", [0.0, 0.6, 1.0])
def test_cfg_plus_plus_through_ddim_is_the_papers_algorithm(schedule, scale):
    c, u = gaussian(1.0).denoise(schedule), gaussian(0.2, 0.9).denoise(schedule)
    x, times = torch.linspace(-1, 1, 6), uniform(schedule, 7)
    want = cfgpp_by_hand(c, u, schedule, x, times, scale)
    assert torch.allclose(last(ddim(cfg_plus_plus(c, u, schedule, times, scale=scale), schedule, x, times)), want)
    if isinstance(schedule, EDM | Rectified):
        assert torch.allclose(last(euler(cfg_plus_plus(c, u, schedule, times, scale=scale), schedule, x, times)), want)


def test_cfg_plus_plus_at_its_ends():
    """Scale 0 is the unconditional sampler. Scale 1 is not the conditional one: it puts unconditional noise back; that
    one is classifier-free guidance of scale 1, to which 1 - level_s / level_t belongs."""
    c, u = gaussian(1.0).denoise(EDM()), gaussian(0.2).denoise(EDM())
    x, times = torch.linspace(-50, 50, 6), karras(EDM(), 8)
    plus = lambda scale: last(ddim(cfg_plus_plus(c, u, EDM(), times, scale=scale), EDM(), x, times))  # noqa: E731
    assert torch.allclose(plus(0.0), last(ddim(u, EDM(), x, times)))
    assert (plus(1.0) - last(ddim(c, EDM(), x, times))).abs().min() > 0.1
    x, t = torch.ones(2), times[3]
    exact = cfg_plus_plus(c, u, EDM(), times, scale=(1 - times[4] / t).item())
    assert torch.allclose(exact(x, t), c(x, t))


def test_cfg_plus_plus_finds_its_step_from_a_rounded_time():
    """Along another path a time comes back with rounding: the step that it begins is the nearest, not the one above."""
    c, u = gaussian(1.0).denoise(Cosine()), gaussian(0.2).denoise(Cosine())
    x, times = torch.linspace(-1, 1, 6), uniform(Cosine(), 7)
    guided = cfg_plus_plus(c, u, Cosine(), times, scale=0.6)
    want = cfgpp_by_hand(c, u, Cosine(), x, times, 0.6)
    assert torch.allclose(last(along(EDM(), ddim)(guided, Cosine(), x, times)), want)
