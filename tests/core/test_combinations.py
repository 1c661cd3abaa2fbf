"""Schedule x prediction x sampler x grid: each runs from t_max to 0 and ends at the data, or says why not in a line."""

import math

import pytest
import torch

from core.denoiser import Denoiser
from core.discover import build, names
from core.predictions.eps import eps
from core.sampling import last
from core.schedule import diffuse
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.laplace import Laplace
from core.schedules.rectified import Rectified
from core.schedules.ve import VE

SAMPLERS = [(n, {}) for n in names("core.samplers")]
SAMPLERS += [("ddpm", {"variance": 1.0}), ("ddim", {"eta": 1.0}), ("heun", {"s_churn": 4.0})]
TO_PURE_NOISE = [
    n for n in names("core.schedules") if (s := build("core.schedules", n)).alpha(torch.tensor(s.t_max)) == 0
]
PAIRS = [
    (s, p)
    for s in names("core.schedules")
    for p in names("core.predictions")
    if not (s in TO_PURE_NOISE and p in ("eps", "score"))
]
IN_TIME = {"beta", "leading", "linspace", "quadratic", "times", "trailing", "uniform"}
"""Grids that space the schedule's own time; the others space the noise level."""

NOT_SO = {("consistency", "karras"), ("consistency", "uniform"), ("pndm", "uniform")}
"""A consistency model is no denoiser. The Runge-Kutta of PNDM, in the level, cannot cross the factor of 25 that the
first of 40 even steps in t makes at the noisy end of `cosine`."""

KINDS, THREE = ("edm", "linear", "rectified"), ("ddim", "ddpm", "heun")
PATHS = [(s, n, o, g) for s in KINDS for n, o in SAMPLERS for g in ("karras", "uniform") if (n, g) not in NOT_SO]
PATHS += [(s, n, {}, g) for s in ("edm", "rectified") for n in THREE for g in names("core.grids")]
PATHS += [(s, n, {}, g) for s in names("core.schedules") for n in THREE for g in ("karras", "uniform")]
PATHS = [path for i, path in enumerate(PATHS) if path not in PATHS[:i]]
"""Each sampler on a schedule of every kind and a grid of either kind; each grid, and each schedule, under a sampler of
either kind and one of two calls a step."""


def schedule_of(name, grid):
    """Schedules that 40 steps in t do not resolve get a range of the data's size: a grid in t spends one step of EDM's
    sigma = 80 ... 0 on the data; a step in t is 21 % of VE's level; Laplace's rates are infinite at both ends."""
    if name == "edm" and grid in IN_TIME:
        return EDM(t_max=4.0)
    coarse = {"ve": VE(sigma_min=0.1, sigma_max=4.0), "laplace": Laplace(scale=2.0, t_max=0.999)}
    return coarse.get(name) or build("core.schedules", name)


def seeded():
    g = torch.Generator().manual_seed(1)
    return lambda x: torch.randn(x.shape, generator=g)


@pytest.mark.parametrize(("schedule", "sampler", "options", "grid"), PATHS, ids=str)
def test_ends_at_the_data(schedule, sampler, options, grid, two_modes, generator, sampler_error):
    """Mean and variance of a mixture within five standard errors and twice the exact error on its modes alone."""
    schedule, sampler = schedule_of(schedule, grid), build("core.samplers", sampler, options)
    times, n = build("core.grids", grid)(schedule, 40), 1000
    start = diffuse(schedule, two_modes.sample((n,), generator), times[0], torch.randn(n, generator=generator))
    final = last(sampler(two_modes.denoise(schedule), schedule, start, times, randn_like=seeded()))
    mean, variance = two_modes.moments()
    modes = zip(two_modes.mean.tolist(), two_modes.std.tolist(), strict=True)
    bias = max(math.hypot(*sampler_error(sampler, schedule, times, m, s)) for m, s in modes)
    assert bias < 0.2  # the tolerance means something
    assert final.mean().item() == pytest.approx(mean.item(), abs=variance.sqrt().item() * (2 * bias + 5 / math.sqrt(n)))
    assert final.var().item() == pytest.approx(variance.item(), rel=2 * bias + 5 * math.sqrt(2 / n))


@pytest.mark.parametrize(("schedule", "prediction"), PAIRS)
def test_no_prediction_changes_the_path(schedule, prediction, two_modes, oracle_network):
    """A network that outputs the exact target, whatever that is, makes every sampler take the oracle's own path. Where
    alpha = 0 its label is clamped at log-SNR -20, an error of e^-10 in alpha / sigma."""
    for grid in ("karras", "uniform"):
        s = schedule_of(schedule, grid)
        p, times = build("core.predictions", prediction), build("core.grids", grid)(s, 5)
        denoiser = Denoiser(oracle_network(two_modes, s, p, 0.7), s, p, sigma_data=0.7)
        x = torch.linspace(-1, 1, 6) * s.sigma(times[0])
        tolerance = 5 * math.exp(-10) if s.alpha(times[0]) == 0 else 1e-9
        for name, options in SAMPLERS if schedule in ("linear", "rectified") else [(n, {}) for n in THREE]:
            sampler = build("core.samplers", name, options)
            got = last(sampler(denoiser, s, x, times, randn_like=seeded()))
            want = last(sampler(two_modes.denoise(s), s, x, times, randn_like=seeded()))
            assert torch.allclose(got, want, rtol=tolerance, atol=tolerance), (grid, name, options)


@pytest.mark.parametrize("schedule", [Rectified(), Cosine(t_max=1.0)], ids=str)
def test_eps_is_refused_where_there_is_no_signal(schedule, two_modes, oracle_network):
    """At alpha = 0, eps says nothing about x0."""
    with pytest.raises(ValueError, match="prediction eps does not determine x0") as refusal:
        Denoiser(oracle_network(two_modes, schedule, eps, 0.5), schedule, eps)
    assert str(refusal.value) == (
        f"prediction eps does not determine x0 at the noisy end of {schedule}, where alpha is 0; "
        "choose one of anchored, edm, flow, v, x0, or a lower t_max"
    )
    Denoiser(oracle_network(two_modes, schedule, eps, 0.5), type(schedule)(t_max=0.999), eps)
