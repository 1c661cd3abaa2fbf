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
samplers = pytest.mark.parametrize("name", names("core.samplers"))


def draws_noise(name):
    """Whether a sampler is stochastic by default, found by listening."""
    draws = []
    sampler, times = build("core.samplers", name), torch.tensor([2.0, 1.0])
    list(sampler(lambda x, t: x, EDM(), torch.ones(1), times, randn_like=lambda x: draws.append(x) or x))
    return bool(draws)


deterministic = pytest.mark.parametrize("name", [n for n in names("core.samplers") if not draws_noise(n)])
variants = pytest.mark.parametrize(("name", "options"), [(n, {}) for n in names("core.samplers")] + STOCHASTIC, ids=str)


def order_of(name):
    return importlib.import_module(f"core.samplers.{name}").ORDER


def uneven_times(schedule, steps, span=(0.05, 0.9)):
    """Steps in log-SNR that alternate 2 : 1, so that a multistep rule must get the ratio of its steps right."""
    ends = log_snr(schedule, torch.tensor(span) * schedule.t_max)
    grid = torch.linspace(ends[1], ends[0], 3 * steps // 2 + 1)
    return schedule.time(grid[torch.arange(len(grid)) % 3 != 1])


def slopes(errors):
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]


def trajectory_error(sampler, schedule, steps, data):
    times = uneven_times(schedule, steps)
    x = torch.linspace(-2, 2, 16) * norm(schedule, times[0], torch.ones(1))
    exact = data.flow(schedule, x, times[0], times[-1])
    return (last(sampler(data.denoise(schedule), schedule, x, times)) - exact).abs().mean().item()


@deterministic
@schedules
def test_deterministic_samplers_follow_the_exact_flow(name, schedule, two_modes):
    """Against the flow map of a two-mode mixture, over three halvings of the step."""
    sampler = build("core.samplers", name)
    errors = [trajectory_error(sampler, schedule, n, two_modes) for n in (24, 48, 96, 192)]
    assert slopes(errors) == pytest.approx([order_of(name)] * 3, abs=0.15)


@variants
@schedules
def test_moments_converge_at_the_declared_order(name, options, schedule, sampler_error):
    """On Gaussian data mean and variance are recursions, exact also for the samplers that draw noise."""
    sampler, times = build("core.samplers", name, options), [uneven_times(schedule, n) for n in (32, 64, 128, 256)]
    errors = [math.hypot(*sampler_error(sampler, schedule, t, mean=0.3, std=0.8)) for t in times]
    assert slopes(errors) == pytest.approx([order_of(name)] * 3, abs=0.25)


@samplers
@pytest.mark.parametrize("path", [EDM(), Rectified()], ids=lambda s: type(s).__name__)
def test_order_survives_a_change_of_path(name, path, sampler_error):
    sampler, times = along(path, build("core.samplers", name)), [uneven_times(Cosine(), n) for n in (48, 96, 192)]
    errors = [math.hypot(*sampler_error(sampler, Cosine(), t, mean=0.3, std=0.8)) for t in times]
    assert slopes(errors) == pytest.approx([order_of(name)] * 2, abs=0.2)
