"""The denoising loss against the closed form in x0 space, and the identities between parameterisations."""

import pytest
import torch
from torch import nn

from core.denoiser import Denoiser
from core.discover import build, names
from core.losses.denoising import denoising_loss
from core.predictions.eps import eps as eps_prediction
from core.schedule import diffuse, log_snr
from core.schedules.cosine import Cosine
from core.weightings.simple import simple

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
predictions = pytest.mark.parametrize("prediction", names("core.predictions"))
weightings = pytest.mark.parametrize("weighting", names("core.weightings"))


class Shorter:
    """A schedule that stops short of its noisy end, so that every prediction says something about x0 on all of it."""

    def __init__(self, schedule):
        self.alpha, self.sigma, self.time = schedule.alpha, schedule.sigma, schedule.time
        self.t_max = 0.99 * schedule.t_max


class Tanh(nn.Module):
    """Any network will do, as long as it is wrong."""

    def forward(self, x, noise_label, cond):
        return torch.tanh(x + noise_label.reshape(-1, *[1] * (x.ndim - 1)))


@weightings
@predictions
@schedules
def test_is_the_weighted_error_of_x0(schedule, prediction, weighting, generator):
    """w(lambda) |x0 - x0_hat|^2 / d, computed the way the loss is not: through x0_hat."""
    prediction, weighting = build("core.predictions", prediction), build("core.weightings", weighting)
    schedule = Shorter(schedule)
    x0, eps = torch.randn(2, 5, 3, 4, generator=generator)
    t = torch.linspace(0.05, 0.95, 5) * schedule.t_max
    denoiser = Denoiser(Tanh(), schedule, prediction)
    error = ((denoiser(diffuse(schedule, x0, t, eps), t) - x0) ** 2).mean((1, 2))
    got = denoising_loss(denoiser, x0, t, eps, weighting)
    assert got.shape == (5,)
    assert torch.allclose(got, weighting(log_snr(schedule, t)) * error, rtol=1e-8)


def test_simple_is_the_plain_error_of_eps(generator):
    """Ho et al. 2020, eq. 14."""
    x0, eps = torch.randn(2, 5, 6, generator=generator)
    t = torch.linspace(0.05, 0.95, 5)
    denoiser = Denoiser(Tanh(), Cosine(), eps_prediction)
    plain = ((denoiser.output(diffuse(Cosine(), x0, t, eps), t) - eps) ** 2).mean(1)
    assert torch.allclose(denoising_loss(denoiser, x0, t, eps, simple), plain, rtol=1e-12)


@predictions
@schedules
def test_a_perfect_network_on_a_point_has_no_loss(schedule, prediction, generator):
    """Data at a single point leaves nothing to guess: x0 is known, and so is every target."""
    schedule = Shorter(schedule)
    prediction, point = build("core.predictions", prediction), torch.tensor(0.4)
    t, eps = torch.linspace(0.05, 0.95, 5) * schedule.t_max, torch.randn(5, 3, generator=generator)

    class Knows(nn.Module):
        def forward(self, x, noise_label, cond):
            alpha, sigma = schedule.alpha(t)[:, None], schedule.sigma(t)[:, None]
            a, b = prediction(alpha, sigma)
            x_t = x * torch.hypot(alpha * 0.5, sigma)
            return a * point + b * (x_t - alpha * point) / sigma

    loss = denoising_loss(Denoiser(Knows(), schedule, prediction), point.expand(5, 3), t, eps, simple)
    assert torch.allclose(loss, torch.zeros(5), atol=1e-15)


@predictions
@weightings
def test_finite_in_float32_where_the_signal_ends(prediction, weighting, generator):
    """t = t_max, where x0_hat itself may be hopeless: the loss never divides by alpha."""
    schedule = Cosine()
    t = torch.tensor([schedule.t_max, 0.5, 1e-6], dtype=torch.float32)
    x0, eps = torch.randn(2, 3, 4, generator=generator).float()
    denoiser = Denoiser(Tanh(), schedule, build("core.predictions", prediction))
    weight = build("core.weightings", weighting)
    got = denoising_loss(denoiser, x0, t, eps, weight)
    exact = denoising_loss(denoiser, x0.double(), t.double(), eps.double(), weight)
    assert got.dtype == torch.float32
    assert torch.allclose(got.double(), exact, rtol=1e-3)


def test_gradient_reaches_the_network_and_the_condition_passes(generator):
    """d/dp of w q^2 (p - target)^2 at a constant network p is 2 w q^2 (p - mean target)."""

    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.tensor(0.3))

        def forward(self, x, noise_label, cond):
            assert cond["label"].tolist() == [1, 2]
            return self.p.expand_as(x)

    x0, eps = torch.randn(2, 2, 6, generator=generator)
    denoiser, t = Denoiser(Constant(), Cosine(), eps_prediction), torch.tensor([0.2, 0.7])
    denoising_loss(denoiser, x0, t, eps, simple, {"label": torch.tensor([1, 2])}).sum().backward()
    assert torch.allclose(denoiser.network.p.grad, (2 * (0.3 - eps.mean(1))).sum())
