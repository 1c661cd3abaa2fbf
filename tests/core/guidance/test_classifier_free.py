"""Classifier-free guidance and autoguidance: extrapolation, the tilted density, a negative condition, velocities."""

import pytest
import torch

from core.guidance.apg import apg
from core.guidance.autoguidance import autoguidance
from core.guidance.classifier_free import classifier_free
from core.schedule import log_snr, velocities
from core.schedules.cosine import Cosine
from core.schedules.linear import Linear
from tests.core.guidance.models import gaussian, never


def test_scale_is_an_extrapolation_from_unconditional():
    c, u, t = (lambda x, t: x + 1), (lambda x, t: x), torch.tensor(0.3)
    x = torch.linspace(-1, 1, 4)
    assert torch.equal(classifier_free(c, u, scale=0.0)(x, t), u(x, t))
    assert torch.allclose(classifier_free(c, u, scale=3.0)(x, t), x + 3)


@pytest.mark.parametrize("guide", [classifier_free, autoguidance, apg])
def test_scale_one_is_off_and_costs_nothing(guide):
    x, t = torch.linspace(-1, 1, 4), torch.tensor(0.3)
    assert torch.equal(guide(lambda x, t: x + 1, never, scale=1.0)(x, t), x + 1)


@pytest.mark.parametrize("guide", [classifier_free, autoguidance])
@pytest.mark.parametrize("scale", [0.5, 2.0, 4.0])
def test_guides_the_score_to_the_tilted_density(guide, scale):
    """Two Gaussians of equal width: p(x) (p(x|c) / p(x))^scale is one again, its mean moved by `scale` times the gap
    (Ho & Salimans 2022, eq. 6, in the score; Tweedie's formula makes x0_hat affine in the score)."""
    schedule, t, x = Cosine(), torch.tensor(0.4), torch.linspace(-2, 2, 9)
    guided = guide(gaussian(1.0).denoise(schedule), gaussian(0.2).denoise(schedule), scale=scale)
    assert torch.allclose(guided(x, t), gaussian(0.2 + scale * 0.8).denoise(schedule)(x, t))
    assert log_snr(schedule, t).isfinite()


def test_a_negative_condition_pushes_away():
    """With the negative condition's Gaussian in place of the unconditional one, the mean moves from -0.5 past 1."""
    x, t = torch.linspace(-2, 2, 9), torch.tensor(0.3)
    guided = classifier_free(gaussian(1.0).denoise(Linear()), gaussian(-0.5).denoise(Linear()), scale=2.0)
    assert torch.allclose(guided(x, t), gaussian(2.5).denoise(Linear())(x, t))


def test_guidance_keeps_the_velocity_of_the_flow():
    """x0_hat is affine in velocity, score and eps at fixed (x, t): guiding one guides all (Linear, by hand)."""
    times, x = torch.tensor([0.8, 0.5]), torch.linspace(-1, 1, 5)
    c, u = gaussian(1.0).denoise(Linear()), gaussian(0.2).denoise(Linear())
    v = [velocities(d, Linear(), times)(x, 0) for d in (c, u, classifier_free(c, u, scale=2.5))]
    assert torch.allclose(v[2], v[1] + 2.5 * (v[0] - v[1]))
