"""Learned variance against what the oracle knows: the best variance of every step, and the bound that it lowers."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

from core.analytic import Mixture
from core.denoiser import Denoiser
from core.discover import build, names
from core.guidance.classifier_free import classifier_free
from core.learned_variance import Joint, both
from core.likelihood import discrete_bound, gaussian
from core.losses.denoising import denoising_loss
from core.losses.hybrid import hybrid_loss
from core.prediction import target
from core.predictions.v import v as predict_v
from core.reverse import bounds, reverse_kl
from core.samplers.ddpm import ddpm
from core.sampling import last
from core.schedule import diffuse, log_snr, scales
from core.weightings.simple import simple

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
COSINE, STEPS = build("core.schedules", "cosine"), 20
STDS = torch.tensor([0.25, 0.9], dtype=torch.float64)
"""Standard deviations of the two channels: independent Gaussians, whose reverse variance differs by element."""


def two_channels():
    return Mixture(torch.ones(1), torch.zeros(1, 2), torch.diag(STDS**2)[None])


def best_fraction(schedule, s, t):
    """(2,) where the variance of x_s given x_t lies between its bounds in log, for N(0, STDS^2): by regression."""
    a_s, a_t = schedule.alpha(s), schedule.alpha(t)
    var_s, var_t = (a_s * STDS) ** 2 + schedule.sigma(s) ** 2, (a_t * STDS) ** 2 + schedule.sigma(t) ** 2
    true = var_s - (a_t / a_s * var_s) ** 2 / var_t
    lower, upper = bounds(schedule, s, t)
    return (true.log() / 2 - lower.log()) / (upper.log() - lower.log())


class ExactMean(nn.Module):
    """Predicts what the oracle predicts, and a fraction that is free at each of the grid's levels: a table over the
    step, read by the noise label. Nothing but the fraction learns."""

    def __init__(self, schedule, times):
        super().__init__()
        self.schedule, self.labels = schedule, -log_snr(schedule, times) / 8
        self.v = nn.Parameter(torch.zeros(len(times), 2))
        self.calls = 0

    def forward(self, x, noise_label, cond):
        self.calls += 1
        t = self.schedule.time(-8 * noise_label)
        alpha, sigma = scales(self.schedule, t, x)
        x_t = x * torch.hypot(alpha, sigma)  # sigma_data 1: what the denoiser scaled
        x0 = two_channels().denoise(self.schedule)(x_t, t)
        output = target(predict_v, x0, (x_t - alpha * x0) / sigma, alpha, sigma)
        nearest = (noise_label[:, None] - self.labels).abs().argmin(1)
        return torch.cat([output, self.v[nearest]], 1)


def model_on_grid():
    times = torch.linspace(COSINE.t_max, 0, STEPS + 1)[:-1]
    network = ExactMean(COSINE, times)
    return Denoiser(network, COSINE, predict_v, sigma_data=1.0, answers=2), network, times


@pytest.fixture(scope="module")
def trained():
    """The hybrid loss on the grid's own times, until the fraction stands still; some 3 seconds."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    model, network, times = model_on_grid()
    g = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam([network.v], lr=0.1)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.985)
    for _ in range(250):
        t = times[:-1].repeat(50)
        x0 = two_channels().sample(len(t), g)
        loss = hybrid_loss(model, x0, t, torch.randn(x0.shape, generator=g), simple, weight=1.0, steps=STEPS).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    torch.set_default_dtype(dtype)
    return model, network, times


def test_learned_fraction_reaches_the_best_variance(trained):
    """Of each channel at each step but the last. It is learned from draws, so to a per cent of the log of the bounds'
    ratio where that is worth anything; the variance itself to a few per cent."""
    _, network, times = trained
    for i, (t, s) in enumerate(pairwise(times)):
        lower, upper = bounds(COSINE, s, t)
        best, got = best_fraction(COSINE, s, t), (network.v[i].detach() + 1) / 2
        log_ratio = 2 * (upper / lower).log()
        assert ((got - best) * log_ratio).abs().max() < 0.05, i
        assert 0 < best.min() < best.max() < 1


def test_learned_variance_lowers_the_bound(trained):
    """Against both of Ho et al.'s fixed choices, by common draws; and it comes within 0.01 of the best there is."""
    model, _, times = trained
    n = 4000
    x0 = two_channels().sample(n, torch.Generator().manual_seed(1))
    place = {t.item(): best_fraction(COSINE, s, t) for t, s in pairwise(times)}
    joint = Joint(partial(both, model))

    def bound(variance):
        g = torch.Generator().manual_seed(2)
        with torch.no_grad():
            return discrete_bound(
                joint,
                COSINE,
                x0,
                times,
                variance=variance,
                decoder=gaussian,
                randn_like=lambda x: torch.randn(x.shape, generator=g),
            ).nats

    learned, lower, upper = bound(joint.fraction), bound(0.0), bound(1.0)
    best = bound(lambda x, t: place[t.item()].expand_as(x))
    assert (learned - best).mean().abs() < 0.01
    for fixed in (lower, upper):
        gain = fixed - learned
        assert gain.mean() > 0.1
        assert gain.mean() > 5 * gain.std() / math.sqrt(n)


def test_ddpm_with_the_learned_variance_samples_the_data(trained):
    """Twenty steps: with the exact mean and variance every step is the true reverse step, so both channels come out
    with their own variance; either fixed choice is off."""
    model, _, times = trained
    n = 20_000

    def spread(variance):
        g = torch.Generator().manual_seed(3)
        x = torch.randn(n, 2, generator=g)
        grid = torch.cat([times, torch.zeros(1)])[:STEPS]  # down to the last level
        with torch.no_grad():
            y = last(
                ddpm(joint, COSINE, x, grid, variance=variance, randn_like=lambda x: torch.randn(x.shape, generator=g))
            )
        t = grid[-1]
        return y.var(0) / ((COSINE.alpha(t) * STDS) ** 2 + COSINE.sigma(t) ** 2) - 1

    joint = Joint(partial(both, model))
    chance = 5 * math.sqrt(2 / n)
    assert spread(joint.fraction).abs().max() < chance + 0.02
    assert spread(0.0).min() < -0.1
    assert spread(1.0).max() > 0.1


@schedules
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_a_callable_that_says_one_number_is_that_number(schedule, fraction, two_modes):
    """In `ddpm`, from the noisy end to 0, on the same draws, in bfloat16 too."""
    times = torch.cat([torch.linspace(schedule.t_max, 0.1 * schedule.t_max, 5), torch.zeros(1)])

    def run(variance, dtype):
        g = torch.Generator().manual_seed(1)
        x = torch.linspace(-1, 1, 6).to(dtype)
        noise = lambda x: torch.randn(x.shape, generator=g).to(x.dtype)  # noqa: E731
        return last(ddpm(two_modes.denoise(schedule), schedule, x, times, variance=variance, randn_like=noise))

    want = run(fraction, torch.float64)
    assert torch.allclose(run(lambda x, t: torch.full_like(x, fraction), torch.float64), want, rtol=1e-12)
    assert run(lambda x, t: torch.full_like(x, fraction, dtype=torch.float32), torch.bfloat16).dtype == torch.bfloat16


def test_one_network_call_serves_both(trained):
    """Five steps, five calls, also under guidance: the other model is called too and has no say in the variance."""
    model, network, times = trained
    grid, x = times[-6:], torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    joint, asked = Joint(partial(both, model)), []

    def unconditional(x, t):
        asked.append(t)
        return 0 * x

    denoise = classifier_free(joint, unconditional, scale=1.5)
    before = network.calls
    with torch.no_grad():
        last(ddpm(denoise, COSINE, x, grid, variance=joint.fraction, randn_like=torch.zeros_like))
    assert network.calls - before == 5 == len(asked)
    assert torch.equal(joint.fraction(x, grid[0]), both(model, x, grid[0])[1])
    assert network.calls - before == 7


def test_hybrid_loss_is_its_two_parts(generator):
    """L_simple of the same denoiser plus the weighed KL of the step; and with weight 0, L_simple bit for bit."""
    model, network, times = model_on_grid()
    network.v.data.uniform_(-1, 1, generator=generator)
    t = times[[2, 5, 9, 17]] - 1e-3
    x0, eps = torch.randn(4, 2, generator=generator), torch.randn(4, 2, generator=generator)
    plain = denoising_loss(model, x0, t, eps, simple)
    assert torch.equal(hybrid_loss(model, x0, t, eps, simple, weight=0.0), plain)
    x0_hat, fraction = both(model, diffuse(COSINE, x0, t, eps), t)
    for steps in (20, 1000):
        s = t - COSINE.t_max / steps
        want = plain + 0.3 * steps * reverse_kl(COSINE, x0, x0_hat, s, t, fraction).mean(1)
        assert torch.allclose(hybrid_loss(model, x0, t, eps, simple, weight=0.3, steps=steps), want)


def test_the_bound_teaches_the_variance_alone(generator):
    """With weight 1e6 the gradient of the prediction is still that of L_simple; that of the fraction is not 0."""
    network = nn.Linear(2, 4)
    model = Denoiser(_Plain(network), COSINE, predict_v, sigma_data=1.0, answers=2)
    x0, eps = torch.randn(8, 2, generator=generator), torch.randn(8, 2, generator=generator)
    t = torch.linspace(0.1, 0.9, 8)
    (simple_only,) = torch.autograd.grad(denoising_loss(model, x0, t, eps, simple).sum(), network.weight)
    (hybrid,) = torch.autograd.grad(hybrid_loss(model, x0, t, eps, simple, weight=1e6).sum(), network.weight)
    assert torch.allclose(hybrid[:2], simple_only[:2], rtol=1e-12)
    assert torch.equal(simple_only[2:], torch.zeros(2, 2))
    assert (hybrid[2:] != 0).all()


class _Plain(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, noise_label, cond):
        return self.layer(x)


def test_within_the_first_step_the_loss_stays_finite(generator):
    model, *_ = model_on_grid()
    t = torch.tensor([1e-6, 1e-4, 1e-3])
    x0, eps = torch.randn(3, 2, generator=generator), torch.randn(3, 2, generator=generator)
    assert hybrid_loss(model, x0, t, eps, simple).isfinite().all()


def test_what_does_not_fit_is_refused(generator):
    single = Denoiser(_Plain(nn.Linear(2, 2)), COSINE, predict_v, answers=2)
    with pytest.raises(ValueError, match=r"must give 2 times the channels of \(3, 2\), it gave \(3, 2\)"):
        single(torch.zeros(3, 2), torch.tensor(0.5))
    with pytest.raises(ValueError, match="takes a network of two answers, this denoiser has 1"):
        both(Denoiser(_Plain(nn.Linear(2, 2)), COSINE, predict_v), torch.zeros(3, 2), torch.tensor(0.5))
    with pytest.raises(ValueError, match=r"hybrid: needs weight >= 0 and steps >= 1, got -1.0 and 1000"):
        build("core.losses", "hybrid", {"weight": -1})
