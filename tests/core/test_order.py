"""Every sampler converges at the order that it declares, on every schedule: found by discovery."""

import importlib
import math
from itertools import pairwise

import pytest
import torch

from core.discover import build, names
from core.sampling import along, last
from core.schedule import log_snr, norm
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified

SCHEDULES = [Cosine(), Linear(), EDM(t_max=20.0), Rectified(t_max=0.95)]
STOCHASTIC = [
    ("ddpm", {"variance": 1.0}),
    ("ddim", {"eta": 0.5}),
    ("ddim", {"eta": 1.0}),
    ("heun", {"s_churn": 5.0, "s_min": 0.1, "s_max": 2.0}),
]
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)


def stated(name, constant, default=None):
    return getattr(importlib.import_module(f"core.samplers.{name}"), constant, default)


def draws_noise(name):
    """Whether a sampler is stochastic by default, found by listening."""
    draws = []
    sampler, times = build("core.samplers", name), torch.logspace(1, -2, 30)
    list(sampler(lambda x, t: x, EDM(), torch.ones(1), times, randn_like=lambda x: draws.append(x) or x))
    return bool(draws)


FIXED = [n for n in names("core.samplers") if not stated(n, "ADAPTIVE", False)]
DETERMINISTIC = [n for n in FIXED if not draws_noise(n)]
OPTIONS = [("dpm_2", {"r": 0.3}, 2), ("dpmpp_2s", {"r": 0.7}, 2), ("dpmpp_3s", {"r1": 0.25}, 3)]
OPTIONS += [("lms", {"order": n}, n) for n in (1, 2, 3)] + [("deis", {"order": n}, n) for n in (1, 2, 4)]
OPTIONS += [("unipc", {"order": n, "variant": v}, n + 1) for n, v in ((1, "bh1"), (1, "bh2"), (2, "bh1"), (2, "bh2"))]
CASES = [(schedule, name, {}, stated(name, "ORDER")) for schedule in SCHEDULES for name in DETERMINISTIC]
CASES += [(Cosine(), *option) for option in OPTIONS]
NOISY = [(n, {}) for n in FIXED if n not in DETERMINISTIC] + STOCHASTIC


def uneven_times(schedule, steps, order, span=(0.05, 0.9)):
    """Steps in log-SNR that alternate 2 : 1, so that a multistep rule must get the ratio of its steps right.

    The local error of a first step of first order is quadratic in it; for a higher order, the first step of the grid is
    therefore approached by doublings from one that is shorter by steps^((order - 2) / 2).
    """
    ends = log_snr(schedule, torch.tensor(span) * schedule.t_max)
    grid = torch.linspace(ends[1], ends[0], 3 * steps // 2 + 1)
    grid = grid[torch.arange(len(grid)) % 3 != 1]
    if order > 2:
        doublings = math.ceil((order - 2) / 2 * math.log2(steps)) + 3
        start = grid[0] + (grid[1] - grid[0]) * 2.0 ** -torch.arange(doublings, 0, -1)
        grid = torch.cat([grid[:1], start, grid[1:]])
    return schedule.time(grid)


def even_times(schedule, steps, span=(0.05, 0.9)):
    return torch.linspace(span[1], span[0], steps + 1) * schedule.t_max


def steps_for(name, order):
    """Enough to be asymptotic, which a multistep rule of high order is late, and few enough for the rounding."""
    if order > 2 and stated(name, "CALLS", 1) == 1:
        return [n * (3 if order > 3 else 2) for n in (32, 64, 128, 256)]
    return [48, 96, 192, 384] if stated(name, "EVEN", False) else [24, 48, 96, 192]


def slopes(errors):
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]


def trajectory_error(sampler, schedule, times, data):
    x = torch.linspace(-2, 2, 16) * norm(schedule, times[0], torch.ones(1))
    exact = data.flow(schedule, x, times[0], times[-1])
    return (last(sampler(data.denoise(schedule), schedule, x, times)) - exact).abs().mean().item()


@pytest.mark.parametrize(("schedule", "name", "options", "order"), CASES, ids=str)
def test_deterministic_samplers_follow_the_exact_flow(schedule, name, options, order, two_modes):
    """Against the flow map of a two-mode mixture, over three halvings of the step. Weights for equal steps are of first
    order on unequal ones."""
    sampler = build("core.samplers", name, options)
    order = 1 if stated(name, "EVEN", False) else order
    grids = [uneven_times(schedule, n, order) for n in steps_for(name, order)]
    errors = [trajectory_error(sampler, schedule, times, two_modes) for times in grids]
    assert slopes(errors) == pytest.approx([order] * 3, abs=0.15)


@pytest.mark.parametrize("name", [n for n in FIXED if stated(n, "EVEN", False)])
@pytest.mark.parametrize("schedule", [Cosine(), Linear()], ids=lambda s: type(s).__name__)
def test_weights_for_equal_steps_are_of_their_order_on_even_grids(name, schedule, two_modes):
    grids = [even_times(schedule, n) for n in (64, 128, 256, 512)]
    errors = [trajectory_error(build("core.samplers", name), schedule, times, two_modes) for times in grids]
    assert slopes(errors) == pytest.approx([stated(name, "ORDER")] * 3, abs=0.15)


def test_pndm_is_of_fourth_order_where_time_is_the_level(two_modes):
    """Its transfers are exact in the level, in which its halfway and its equal steps then are too."""
    grids = [torch.linspace(4, 0.5, n + 1) for n in (96, 192, 384, 768)]
    errors = [trajectory_error(build("core.samplers", "pndm"), EDM(), times, two_modes) for times in grids]
    assert slopes(errors) == pytest.approx([4] * 3, abs=0.25)


@pytest.mark.parametrize("name", [n for n in names("core.samplers") if stated(n, "ADAPTIVE", False)])
@pytest.mark.parametrize("schedule", [*SCHEDULES, Rectified()], ids=str)
def test_adaptive_samplers_keep_to_their_tolerance(name, schedule, two_modes):
    """Twenty times the tolerance at most, and fewer than twice the calls for a hundredth of the error."""
    times, data, calls = even_times(schedule, 2, span=(0.05, 1.0)), two_modes.denoise(schedule), []

    def denoise(x, t):
        calls[-1] += 1
        return data(x, t)

    x = torch.linspace(-2, 2, 16) * norm(schedule, times[0], torch.ones(1))
    for tolerance in (1e-4, 1e-6, 1e-8):
        calls.append(0)
        sampler = build("core.samplers", name, {"rtol": tolerance, "atol": tolerance})
        for t, y in sampler(denoise, schedule, x, times):
            exact = two_modes.flow(schedule, x, times[0], t)
            assert ((y - exact) / norm(schedule, t, x)).abs().max() < 20 * tolerance
    assert calls[0] <= calls[1] <= 2.3 * calls[0]
    assert calls[1] <= calls[2] <= 2.3 * calls[1]


@pytest.mark.parametrize(("name", "options"), NOISY, ids=str)
@schedules
def test_moments_converge_at_the_declared_order(name, options, schedule, sampler_error):
    """On Gaussian data mean and variance are recursions, exact for the samplers that draw noise."""
    sampler, order = build("core.samplers", name, options), stated(name, "ORDER")
    grids = [uneven_times(schedule, n, order) for n in (64, 128, 256, 512)]
    errors = [math.hypot(*sampler_error(sampler, schedule, t, mean=0.3, std=0.8)) for t in grids]
    assert slopes(errors) == pytest.approx([order] * 3, abs=0.25)


@pytest.mark.parametrize("name", ["deis", "euler", "heun", "rk4"])
@pytest.mark.parametrize("path", [EDM(), Rectified()], ids=lambda s: type(s).__name__)
def test_order_survives_a_change_of_path(name, path, two_modes):
    """Those whose steps are in the schedule's own time; the others do not feel the path at all, see test_sampling."""
    sampler, order = (
        along(path, build("core.samplers", name)),
        1 if stated(name, "EVEN", False) else stated(name, "ORDER"),
    )
    grids = [uneven_times(Cosine(), n, order) for n in steps_for(name, order)[1:3]]
    errors = [trajectory_error(sampler, Cosine(), times, two_modes) for times in grids]
    assert slopes(errors) == pytest.approx([order], abs=0.2)
