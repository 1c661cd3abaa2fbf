"""Power-function averages in closed form, and any length rebuilt from two against the same length tracked directly."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.averages.power import Power, exponent, width
from core.ema import EMA
from core.posthoc import Profile, Tracked, coefficients, inner, rebuild

STEPS, EVERY = 1000, 50


class Path(nn.Module):
    """One parameter of many weights, a buffer that counts, and one that is a constant."""

    def __init__(self, n=1):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scale", torch.full((2,), 3.0))


def walk(path, steps, averages, every=0):
    """Move the weights along path(i), i = 1 ..., and keep what every average says; snapshots of the `Tracked` one."""
    module, snapshots = Path(len(path(1))), {}
    tracked, direct = Tracked(module), {s: EMA(module, Power(s)) for s in averages}
    for i in range(1, steps + 1):
        module.weight.data, module.count = path(i), torch.tensor(i)
        tracked.update(module)
        for ema in direct.values():
            ema.update(module)
        if every and i % every == 0:
            snapshots |= {p: {k: v.clone() for k, v in s.items()} for p, s in tracked.snapshots().items()}
    return snapshots, direct


def test_widths_and_exponents_of_the_paper():
    """Karras et al. 2024b, sec. 3.1: sigma_rel 0.05 and 0.10 are gamma 16.97 and 6.94."""
    assert exponent(0.05) == pytest.approx(16.97, abs=5e-3)
    assert exponent(0.10) == pytest.approx(6.94, abs=5e-3)
    assert exponent(12**-0.5) == pytest.approx(0, abs=1e-12)


@given(st.floats(1e-4, 12**-0.5))
@settings(max_examples=50, deadline=None)
def test_width_is_the_inverse_of_exponent(sigma_rel):
    assert width(exponent(sigma_rel)) == pytest.approx(sigma_rel, rel=1e-9)


def test_width_is_the_deviation_of_the_profile():
    """By quadrature of (gamma + 1) t^gamma on [0, 1]."""
    t = torch.linspace(0, 1, 200_001)
    for gamma in (0.0, 1.0, 6.94, 16.97):
        p = (gamma + 1) * t**gamma
        mean = torch.trapezoid(p * t, t)
        assert width(gamma) == pytest.approx(torch.trapezoid(p * (t - mean) ** 2, t).sqrt().item(), rel=1e-7)


@pytest.mark.parametrize("sigma_rel", [0.05, 0.1, 0.2, 12**-0.5])
def test_constant_weights_and_linear_drift_in_closed_form(sigma_rel):
    """Weights that stand still average to themselves from the first update; w_i = i averages to
    sum_i i (i^(g+1) - (i-1)^(g+1)) / n^(g+1), close to (g + 1) / (g + 2) n + 1/2; at the widest, to (n + 1) / 2."""
    n, g = 400, exponent(sigma_rel)
    still, drift = EMA(Path(), Power(sigma_rel)), EMA(Path(), Power(sigma_rel))
    module = Path()
    for i in range(1, n + 1):
        module.weight.data.fill_(7.0)
        still.update(module)
        assert still.module.weight.item() == pytest.approx(7.0, rel=1e-13)
        module.weight.data.fill_(float(i))
        drift.update(module)
    exact = sum(i * ((i / n) ** (g + 1) - ((i - 1) / n) ** (g + 1)) for i in range(1, n + 1))
    assert drift.module.weight.item() == pytest.approx(exact, rel=1e-12)
    assert drift.module.weight.item() == pytest.approx((g + 1) / (g + 2) * n + 0.5, abs=0.1)


def test_inner_product_is_the_integral():
    t = torch.linspace(0, 300, 300_001)

    def p(profile):
        g = exponent(profile.sigma_rel)
        return torch.where(t <= profile.step, (g + 1) * (t / profile.step) ** g / profile.step, 0.0)

    for a, b in ((Profile(100, 0.05), Profile(300, 0.1)), (Profile(250, 0.2), Profile(200, 0.05))):
        assert inner(a, b) == pytest.approx(torch.trapezoid(p(a) * p(b), t).item(), rel=1e-3)
        assert inner(a, b) == inner(b, a)


def test_rebuilt_lengths_are_those_tracked_directly(generator):
    """On 400 independent weights: a random walk, where an error of the profile counts in full (its small moves, long
    kept), and white noise, whose average of variance |p|^2 makes the relative error of the profile visible itself."""
    wanted = {0.04: 0.02, 0.07: 0.005, 0.15: 0.01, 0.2: 0.03, 0.25: 0.1}
    noise = torch.randn(STEPS, 400, generator=generator)
    snapshots, direct = walk(lambda i: noise[i - 1].clone(), STEPS, wanted, EVERY)
    moves = noise.cumsum(0)
    walked, true = walk(lambda i: moves[i - 1].clone(), STEPS, wanted, EVERY)
    for sigma_rel, most in wanted.items():
        x, error = coefficients(list(snapshots), Profile(STEPS, sigma_rel))
        assert error < most
        assert x.sum().item() == pytest.approx(1, abs=1e-12)
        missed = rebuild(x, snapshots.values())["weight"] - direct[sigma_rel].module.weight
        spread = direct[sigma_rel].module.weight.square().mean().sqrt()
        assert (missed.square().mean().sqrt() / spread).item() == pytest.approx(error, rel=0.3)
        lag = (true[sigma_rel].module.weight - moves[-1]).square().mean().sqrt()
        gap = rebuild(x, walked.values())["weight"] - true[sigma_rel].module.weight
        assert gap.square().mean().sqrt() < most * lag


def test_any_earlier_update_can_be_rebuilt_too(generator):
    """A width of 0.08 that ended at update 700 of 1000, between snapshots, where later ones help nothing."""
    moves = torch.randn(STEPS, 50, generator=generator).cumsum(0)
    snapshots, _ = walk(lambda i: moves[i - 1].clone(), STEPS, [], EVERY)
    _, true = walk(lambda i: moves[i - 1].clone(), 700, [0.08])
    x, error = coefficients(list(snapshots), Profile(700, 0.08))
    assert error < 0.02
    gap = rebuild(x, snapshots.values())["weight"] - true[0.08].module.weight
    lag = true[0.08].module.weight - moves[699]
    assert gap.square().mean() < (0.02 * lag).square().mean()


def test_what_was_stored_is_rebuilt_as_it_was(generator):
    moves = torch.randn(200, 5, generator=generator).cumsum(0)
    snapshots, true = walk(lambda i: moves[i - 1].clone(), 200, [0.05], 20)
    x, error = coefficients(list(snapshots), Profile(200, 0.05))
    assert error < 1e-6
    assert torch.allclose(rebuild(x, snapshots.values())["weight"], true[0.05].module.weight, rtol=1e-9)


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0.02, 0.28)), min_size=1, max_size=12), st.floats(0.02, 0.28))
@settings(max_examples=40, deadline=None)
def test_weights_that_stand_still_come_out_as_they_are(stored, sigma_rel):
    """Whatever snapshots there are, however few or alike: the coefficients sum to one."""
    x, error = coefficients([Profile(*s) for s in stored], Profile(3000, sigma_rel))
    assert x.sum().item() == pytest.approx(1, abs=1e-9)
    assert 0 <= error < math.inf
    got = rebuild(x, [{"weight": torch.full((3,), 7.0, dtype=torch.float64)}] * len(stored))["weight"]
    assert torch.allclose(got, torch.full((3,), 7.0, dtype=torch.float64), rtol=1e-7)


def test_buffers_are_the_last_snapshot_s():
    snapshots, _ = walk(lambda i: torch.tensor([float(i)]), 60, [], 20)
    x, _ = coefficients(list(snapshots), Profile(60, 0.07))
    got = rebuild(x, snapshots.values(), copied=["scale"])
    assert got["count"] == 60
    assert torch.equal(got["scale"], torch.full((2,), 3.0))
    Path().load_state_dict(got)


def test_tracking_continues_exactly(generator):
    moves = torch.randn(60, 4, generator=generator)
    module, whole, first, second = Path(4), *(Tracked(Path(4)) for _ in range(3))
    for i, w in enumerate(moves):
        module.weight.data = w
        whole.update(module)
        (first if i < 30 else second).update(module)
        if i == 29:
            second.load_state_dict(first.state_dict())
    for (a, x), (b, y) in zip(whole.snapshots().items(), second.snapshots().items(), strict=True):
        assert a == b
        assert torch.equal(x["weight"], y["weight"])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"post-hoc average: needs snapshots of at least one update, got \[\]"):
        coefficients([], Profile(10, 0.1))
    with pytest.raises(ValueError, match="post-hoc average: 2 coefficients for 1 snapshots"):
        rebuild(torch.ones(2), [{}])
    with pytest.raises(ValueError, match=r"post-hoc averages: needs different widths sigma_rel, got \[0.1, 0.1\]"):
        Tracked(Path(), (0.1, 0.1))
