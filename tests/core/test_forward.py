"""The Markov chain and the closed form are the same process, and the reversal is its Bayes rule."""

from itertools import pairwise

import pytest
import torch

from core.discover import build, names
from core.forward import forward_chain, noise_further, reversal, transition
from core.learned_schedule import LearnedSchedule
from core.schedule import diffuse
from core.schedules.cosine import Cosine
from core.schedules.discrete import Discrete, named_betas
from core.schedules.shifted import Shifted
from core.schedules.zero_terminal import ZeroTerminal, zero_terminal_betas
from core.user_schedule import UserSchedule

SCHEDULES = [build("core.schedules", n) for n in names("core.schedules")]
SCHEDULES += [
    *(Discrete("cosine", 40), Discrete("scaled_linear"), Discrete((0.05, 0.2, 0.01, 1.0)), LearnedSchedule()),
    *(Shifted(Cosine(), 0.3), Shifted(Discrete(), 4.0), ZeroTerminal(Discrete("scaled_linear"))),
    UserSchedule(lambda t: (1 - t) ** 2, lambda t: t * (2 - t)),
]
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: str(s)[:60])


@schedules
def test_the_chain_composes_to_the_closed_form(schedule):
    """Through 50 uneven times the scales multiply to alpha(t), and the variances that they carry sum to sigma(t)^2."""
    times = torch.linspace(0, 1, 51) ** 2 * schedule.t_max
    kept, variance = torch.ones(()), torch.zeros(())
    for s, t in pairwise(times):
        scale, std = transition(schedule, s, t)
        kept, variance = scale * kept, scale**2 * variance + std**2
        assert torch.allclose(kept, schedule.alpha(t), rtol=1e-12, atol=1e-15)
        assert torch.allclose(variance, schedule.sigma(t) ** 2, rtol=1e-12)


@schedules
def test_chain_states_match_diffuse_in_their_moments(schedule, generator):
    """The loop itself, with real noise: mean alpha x0, deviation sigma at each stage, within five standard errors."""
    n, x0 = 20_000, 0.7
    times = torch.linspace(0, 1, 6) * schedule.t_max
    noise = lambda x: torch.randn(x.shape, generator=generator)  # noqa: E731
    states = list(forward_chain(schedule, torch.full((n,), x0), times, randn_like=noise))
    assert torch.equal(torch.stack([t for t, _ in states]), times)
    assert (states[0].x == x0).all()
    for t, x in states[1:]:
        sigma = schedule.sigma(t).item()
        assert x.mean().item() == pytest.approx(schedule.alpha(t).item() * x0, abs=5 * sigma / n**0.5)
        assert x.std().item() == pytest.approx(sigma, rel=5 / (2 * n) ** 0.5)


def test_from_clean_data_one_step_is_diffuse(generator):
    x0, eps = torch.randn(2, 3, 4, generator=generator)
    schedule, t = build("core.schedules", "cosine"), torch.tensor([0.2, 0.5, 0.9])
    assert torch.allclose(
        noise_further(schedule, x0, torch.zeros(3), t, eps), diffuse(schedule, x0, t, eps), rtol=1e-12
    )
    assert noise_further(schedule, x0.float(), torch.zeros(3), t, eps.float()).dtype == torch.float32


def test_beta_of_the_ddpm_chain():
    """Ho et al. 2020, eq. 2: scale = sqrt(1 - beta), std = sqrt(beta), with beta(t) dt of the linear schedule."""
    s, t = torch.tensor(0.5), torch.tensor(0.501)
    scale, std = transition(build("core.schedules", "linear"), s, t)
    beta = 1 - scale**2
    assert torch.allclose(std**2, beta, rtol=1e-12)
    assert beta.item() == pytest.approx((0.1 + 19.9 * 0.5) * 0.001, rel=0.01)


@pytest.mark.parametrize(
    "betas",
    [
        *(tuple(named_betas(n, steps).tolist()) for n in ("linear", "scaled_linear", "cosine") for steps in (1000, 40)),
        (0.3,),
        (0.05, 0.2, 0.01, 0.9),
        zero_terminal_betas((0.05, 0.2, 0.01, 0.9)),
        zero_terminal_betas(named_betas("linear").tolist()),
    ],
    ids=lambda b: f"{len(b)} betas to {b[-1]:.3g}",
)
def test_the_chain_of_a_table_is_the_table(betas):
    """q(x_k | x_(k-1)) = N(sqrt(1 - beta_k) x, beta_k), each beta to the rounding of 1 - beta and of the log-SNR; and
    over part of a step and the rest of it, the same step."""
    schedule, k, beta = Discrete(betas), torch.arange(float(len(betas))), torch.tensor(betas)
    scale, std = transition(schedule, k, k + 1)
    assert torch.allclose(1 - scale**2, beta, rtol=0, atol=1e-14)
    assert torch.allclose(std**2, beta, rtol=1e-11)
    (first, first_std), (rest, rest_std) = transition(schedule, k, k + 0.3), transition(schedule, k + 0.3, k + 1)
    assert torch.allclose(first * rest, scale, rtol=1e-12, atol=1e-15)
    assert torch.allclose(rest**2 * first_std**2 + rest_std**2, std**2, rtol=1e-10)


def test_reversal_of_a_table_is_equation_7():
    """Ho et al. 2020: mean sqrt(abar_s) beta / (1 - abar_t) x0 + sqrt(a) (1 - abar_s) / (1 - abar_t) x, variance
    (1 - abar_s) / (1 - abar_t) beta, in the terms of the paper."""
    beta = named_betas("linear", 100)
    bar = torch.cumprod(1 - beta, 0)
    k = torch.arange(1.0, 100)
    from_x, from_x0, std = reversal(Discrete("linear", 100), k, k + 1)
    assert torch.allclose(from_x0, bar[:-1].sqrt() * beta[1:] / (1 - bar[1:]), rtol=1e-10)
    assert torch.allclose(from_x, (1 - beta[1:]).sqrt() * (1 - bar[:-1]) / (1 - bar[1:]), rtol=1e-10)
    assert torch.allclose(std**2, (1 - bar[:-1]) / (1 - bar[1:]) * beta[1:], rtol=1e-10)


@schedules
def test_reversal_is_bayes_rule(schedule):
    """q(x_s | x_t, x0) from the joint Gaussian of (x_s, x_t) given x0: cov(x_s, x_t) = scale sigma_s^2."""
    s, t = torch.tensor(0.3) * schedule.t_max, torch.tensor(0.8) * schedule.t_max
    (alpha_s, alpha_t), (sigma_s, sigma_t) = schedule.alpha(torch.stack([s, t])), schedule.sigma(torch.stack([s, t]))
    x, x0 = torch.tensor(-0.4), torch.tensor(0.7)
    cov = alpha_t / alpha_s * sigma_s**2
    from_x, from_x0, std = reversal(schedule, s, t)
    assert torch.allclose(from_x * x + from_x0 * x0, alpha_s * x0 + cov / sigma_t**2 * (x - alpha_t * x0), rtol=1e-10)
    assert torch.allclose(std**2, sigma_s**2 - cov**2 / sigma_t**2, rtol=1e-10)


def test_reversal_holds_at_both_ends():
    """From pure noise nothing of x_t is kept; onto clean data x_s is x0 itself."""
    schedule = build("core.schedules", "rectified")
    s, t = torch.tensor([0.3, 0.0]), torch.tensor([1.0, 0.4])
    from_x, from_x0, std = reversal(schedule, s, t)
    assert from_x.tolist() == [0, 0]
    assert from_x0.tolist() == pytest.approx([0.7, 1.0])
    assert std.tolist() == pytest.approx([0.3, 0.0])
