"""Schedules from functions: against a closed form, and refused in one line where they are none."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.schedule import log_snr, rates
from core.schedules.cosine import Cosine
from core.user_schedule import UserSchedule


def cosine_by_hand(t_max=1.0):
    return UserSchedule(lambda t: torch.sin((1 - t) * math.pi / 2), lambda t: torch.sin(t * math.pi / 2), t_max)


def test_it_is_the_closed_form():
    """alpha, sigma, their rates, the inverse and its derivative, against `cosine` at offset 0."""
    ours, closed = cosine_by_hand(), Cosine(offset=0.0, t_max=1.0)
    t = torch.cat([torch.logspace(-12, -2, 20), torch.linspace(0.01, 0.999, 40)])
    at = log_snr(closed, t)
    assert torch.allclose(ours.time(at), closed.time(at), rtol=1e-13)
    for a, b in zip(rates(ours, t), rates(closed, t), strict=True):
        assert torch.allclose(a, b, rtol=1e-12)
    slopes = [torch.func.jvp(s.time, (at,), (torch.ones_like(at),))[1] for s in (ours, closed)]
    assert torch.allclose(*slopes, rtol=1e-9)
    curvatures = [torch.func.jvp(lambda v, s=s: torch.func.jvp(s.time, (v,), (torch.ones_like(v),))[1], (at[20:],),
                                 (torch.ones_like(at[20:]),))[1] for s in (ours, closed)]  # fmt: skip
    assert torch.allclose(*curvatures, rtol=1e-7)


def test_the_inverse_is_differentiable_in_both_directions():
    """d time / d lambda = 1 / lambda'(t), by reverse mode too."""
    schedule, t = cosine_by_hand(), torch.linspace(0.05, 0.95, 9)
    at = log_snr(schedule, t).requires_grad_()
    (slope,) = torch.autograd.grad(schedule.time(at).sum(), at)
    d_alpha, d_sigma = rates(schedule, t)
    assert torch.allclose(slope, 1 / (2 * (d_alpha / schedule.alpha(t) - d_sigma / schedule.sigma(t))), rtol=1e-10)


def test_ends():
    """0 at +inf; t_max at -inf where alpha falls to 0; +inf, which is no time, where the schedule ends before."""
    noise, some_signal = cosine_by_hand(), cosine_by_hand(0.9)
    infinity = torch.tensor(math.inf)
    assert noise.time(infinity) == 0
    assert noise.time(-infinity) == 1
    assert some_signal.time(-infinity) == math.inf
    end = log_snr(some_signal, torch.tensor(0.9))
    assert some_signal.time(end).item() == pytest.approx(0.9, rel=1e-14)
    assert some_signal.time(end - 1e-12).item() == pytest.approx(0.9, rel=1e-11)  # rounding elsewhere is no end
    assert some_signal.time(end - 1e-3) == math.inf


@settings(max_examples=40, deadline=None)
@given(p=st.floats(0.3, 4.0), q=st.floats(0.3, 4.0), t_max=st.floats(0.1, 1.0), bend=st.floats(0.0, 50.0))
def test_any_monotone_pair_is_inverted(p, q, t_max, bend):
    """Powers at both ends, sharp bends in the middle: the log-SNR of the found time is the one asked for."""
    schedule = UserSchedule(lambda t: (1 - t) ** q, lambda t: t**p * (1 + torch.sigmoid(bend * (t - 0.3))), t_max)
    t = torch.cat([torch.logspace(-9, -2, 10), torch.linspace(0.01, 0.99, 20)]) * t_max
    found = schedule.time(log_snr(schedule, t))
    assert torch.allclose(found, t, rtol=1e-11)


@pytest.mark.parametrize(
    ("alpha", "sigma", "t_max", "line"),
    [
        (torch.cos, torch.sin, 0.0, "t_max must be positive and finite, got 0"),
        (torch.cos, lambda t: t.sum(), 1.0, r"must be elementwise, got \(2000,\) and \(\) for times \(2000,\)"),
        (lambda t: 1 - t / 2, lambda t: t + 0.1, 1.0, r"needs alpha\(0\) = 1, sigma\(0\) = 0, got 1 and 0.1"),
        (torch.cos, torch.sin, 3.0, "must be finite and not negative, got -0.002177 and 1 at t = 1.573"),
        (lambda t: torch.cos(t) / (t < 0.5), torch.sin, 1.0, "must be finite and not negative, got inf and 0.4"),
        (torch.cos, lambda t: torch.sin(5 * t) / 5, 0.6, r"sigma / alpha must rise with t, it does not from t = 0.3"),
        (torch.ones_like, torch.zeros_like, 1.0, "sigma / alpha must rise with t, it does not from t = 0 to 0.0001"),
    ],
    ids=range(7),
)
def test_functions_that_are_no_schedule_are_refused(alpha, sigma, t_max, line):
    with pytest.raises(ValueError, match=line) as caught:
        UserSchedule(alpha, sigma, t_max)
    assert str(caught.value).startswith("user schedule: ")
    assert "\n" not in str(caught.value)
