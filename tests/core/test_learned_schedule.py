"""The learned schedule: monotone at any weights, with gradients, and trained as its paper trains it."""

import math

import pytest
import torch
from torch import nn

from core.denoiser import Denoiser
from core.learned_schedule import LearnedSchedule
from core.predictions.v import v
from core.schedule import log_snr, rates
from core.user_schedule import UserSchedule


def shaken(seed, spread):
    """A schedule with weights that no training would leave."""
    schedule, g = LearnedSchedule(units=8), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in schedule.parameters():
            p += spread * torch.randn(p.shape, generator=g, dtype=p.dtype)
    return schedule


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_monotone_with_fixed_ends_at_any_weights(seed, spread):
    schedule = shaken(seed, spread)
    t = torch.linspace(0, 1, 501)
    assert (log_snr(schedule, t).diff() < 0).all()
    level = torch.exp(-log_snr(schedule, torch.tensor([0.0, 1.0])) / 2)
    assert level.tolist() == pytest.approx([0, math.sqrt(math.exp(5) - math.exp(-13.3))], rel=1e-12)
    found = schedule.time(log_snr(schedule, t[1:]))
    assert torch.allclose(log_snr(schedule, found), log_snr(schedule, t[1:]), rtol=1e-9, atol=1e-9)


def test_it_starts_near_the_linear_log_snr_of_the_paper():
    """Kingma et al. 2021, app. H: gamma from -13.3 to 5; linear in t but for the bend at the clean end and
    what the sum of sigmoids lacks to a line."""
    t = torch.linspace(0.2, 1, 30)
    assert torch.allclose(log_snr(LearnedSchedule(), t), 13.3 - 18.3 * t, atol=0.05)


def test_gradients_reach_every_weight_through_alpha_sigma_and_time():
    schedule, t = shaken(0, 0.3), torch.tensor([0.2, 0.5, 0.7])
    at = log_snr(schedule, t).detach()
    for f, x in ((schedule.alpha, t), (schedule.sigma, t), (schedule.time, at)):
        grads = torch.autograd.grad(f(x).sum(), list(schedule.parameters()))
        assert all(g.isfinite().all() and (g != 0).all() for g in grads)


def test_the_gradient_of_the_inverse_is_that_of_the_implicit_function():
    """d t / d theta at fixed lambda, against a central difference of a search of its own."""
    schedule, at, h = shaken(1, 0.3), torch.tensor([2.0, -1.0]), 1e-5
    for p in schedule.parameters():
        (grad,) = torch.autograd.grad(schedule.time(at).sum(), p)
        with torch.no_grad():
            ahead = grad / grad.norm()
            p += h * ahead
            high = schedule.time(at).sum()
            p -= 2 * h * ahead
            low = schedule.time(at).sum()
            p += h * ahead
        assert ((high - low) / (2 * h)).item() == pytest.approx(grad.norm().item(), rel=1e-6)


def two_points(signal_to_noise):
    """The least squared error of x0 = +-1 under noise, 1 - E tanh(snr + sqrt(snr) z), by the trapezoid rule."""
    z = torch.linspace(-8, 8, 161)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    return ((1 - torch.tanh(signal_to_noise[:, None] + signal_to_noise[:, None].sqrt() * z)) * density).sum(-1)


def elbo_terms(schedule, t):
    """-SNR'(t) mmse(t) / 2 in nats, the integrand of the diffusion loss (Kingma et al. 2021, eq. 17)."""
    d_alpha, d_sigma = rates(schedule, t)
    snr = (schedule.alpha(t) / schedule.sigma(t)) ** 2
    return -snr * (d_alpha / schedule.alpha(t) - d_sigma / schedule.sigma(t)) * two_points(snr)


def test_it_learns_the_pace_and_cannot_change_the_bound():
    """The integral is the entropy of a coin, ln 2 nats, less what pure noise still knows of it, and does not depend on
    the schedule (Kingma et al. 2021, sec. 5; Guo et al. 2005). The variance of its one-draw estimate does (app. I):
    descent on it finds a schedule under which times are worth more nearly the same, and leaves the mean."""
    schedule, t = LearnedSchedule(sigma_min=0.15, units=16), (torch.arange(100) + 0.5) / 100
    optimizer = torch.optim.LBFGS(schedule.parameters(), max_iter=40, line_search_fn="strong_wolfe")

    def log_variance():
        optimizer.zero_grad()
        value = elbo_terms(schedule, t).var().log()
        value.backward()
        return value

    before = elbo_terms(schedule, t).detach()
    optimizer.step(log_variance)
    after = elbo_terms(schedule, t).detach()
    last_snr = math.exp(log_snr(schedule, torch.tensor(1.0)).item())
    nats = math.log(2) - last_snr / 2  # the information at a small SNR is half of it
    assert before.mean().item() == pytest.approx(nats, rel=1e-3)
    assert after.mean().item() == pytest.approx(nats, rel=1e-3)
    assert after.var() < before.var() / 10


def test_it_is_a_part_of_the_denoiser():
    """Its weights are parameters and entries of the state, and come back from it; its answers are in the dtype of t."""
    denoiser = Denoiser(nn.Identity(), shaken(0, 1.0).float(), v)
    names = {n for n, _ in denoiser.named_parameters()}
    assert names == {f"schedule.{n}" for n in ("centre", "sharpness", "height", "slope")}
    other = Denoiser(nn.Identity(), LearnedSchedule(units=8).float(), v)
    other.load_state_dict(denoiser.state_dict())
    t = torch.linspace(0, 1, 9)
    assert torch.equal(other.schedule.alpha(t), denoiser.schedule.alpha(t))
    assert denoiser.schedule.alpha(t).dtype == torch.float64
    assert str(LearnedSchedule()) == "LearnedSchedule(sigma_min=0.001294, sigma_max=12.18, units=32)"


@pytest.mark.parametrize("options", [{"sigma_min": 0.0}, {"sigma_max": 1e-4}, {"units": 1}], ids=str)
def test_impossible_ends_are_refused(options):
    with pytest.raises(ValueError, match="learned schedule: needs 0 < sigma_min < sigma_max and units >= 2, got"):
        LearnedSchedule(**options)


def test_a_user_can_sample_the_pace_elsewhere():
    """Its own alpha and sigma as functions are the same schedule."""
    schedule = shaken(2, 0.5)
    again, at = UserSchedule(schedule.alpha, schedule.sigma), torch.linspace(-4, 10, 9)
    assert torch.allclose(again.time(at), schedule.time(at), rtol=1e-12)
