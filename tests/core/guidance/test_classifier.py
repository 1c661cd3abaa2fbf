"""Classifier guidance: with the exact classifier of a mixture it is the conditional model."""

import math

import pytest
import torch

from core.analytic import Mixture
from core.guidance.classifier import classifier
from core.guidance.classifier_free import classifier_free
from core.schedules.cosine import Cosine
from core.schedules.rectified import Rectified
from tests.core.guidance.models import never, rows, schedules

MIXTURE = Mixture(
    torch.tensor([0.2, 0.5, 0.3]).double(),
    torch.tensor([[-1.0, 0.3], [0.8, -0.2], [0.5, 1.1]]).double(),
    torch.tensor([[[0.3, 0.1], [0.1, 0.2]], [[0.2, -0.05], [-0.05, 0.4]], [[0.1, 0.0], [0.0, 0.3]]]).double(),
)


def part(k):
    """One component of the mixture: the data under the condition «class k»."""
    return Mixture(torch.ones(1), MIXTURE.mean[k : k + 1], MIXTURE.cov[k : k + 1])


def exact_classifier(schedule, k):
    """log p(k | x_t) by Bayes' rule."""

    def log_prob(x, t):
        prior = MIXTURE.weight[k].log()
        return prior + part(k).log_density(schedule, x, t) - MIXTURE.log_density(schedule, x, t)

    return log_prob


@schedules
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_exact_classifier_makes_the_unconditional_model_conditional(schedule, mode):
    guided = classifier(MIXTURE.denoise(schedule), schedule, exact_classifier(schedule, 1))
    for share in (0.01, 0.3, 0.9):
        with mode():
            x, t = rows(8, (2,)), torch.tensor(share * schedule.t_max)
            assert torch.allclose(guided(x, t), part(1).denoise(schedule)(x, t), rtol=1e-10, atol=1e-10)


def test_classifier_guidance_starts_from_pure_noise():
    """At alpha = 0 the score of a classifier times sigma^2 / alpha is 0 / 0; its limit is the conditional mean."""
    guided = classifier(MIXTURE.denoise(Rectified()), Rectified(), exact_classifier(Rectified(), 2))
    got = guided(rows(8, (2,)), torch.tensor(1.0))
    assert torch.allclose(got, MIXTURE.mean[2].expand(8, 2), atol=20 * math.exp(-10))


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_classifier_scale_is_that_of_classifier_free(scale):
    """Both tilt by p(y | x)^scale: with the exact classifier they are one (Ho & Salimans 2022, sec. 3.2)."""
    schedule, x, t = Cosine(), rows(8, (2,)), torch.rand(8, generator=torch.Generator().manual_seed(1)) * 0.9
    got = classifier(MIXTURE.denoise(schedule), schedule, exact_classifier(schedule, 0), scale=scale)(x, t)
    want = classifier_free(part(0).denoise(schedule), MIXTURE.denoise(schedule), scale=scale)(x, t)
    assert torch.allclose(got, want, rtol=1e-9, atol=1e-9)


def test_classifier_guidance_can_be_differentiated_and_switched_off():
    """Posterior sampling differentiates through the denoiser, guided or not: the gradient of log p is one of x too."""
    x, t = rows(2, (2,)).requires_grad_(), torch.tensor(0.5)
    guided = classifier(MIXTURE.denoise(Cosine()), Cosine(), exact_classifier(Cosine(), 1))
    got = torch.autograd.grad(guided(x, t).square().sum(), x)[0]
    want = torch.autograd.grad(part(1).denoise(Cosine())(x, t).square().sum(), x)[0]
    assert torch.allclose(got, want, rtol=1e-9, atol=1e-9)
    off = classifier(MIXTURE.denoise(Cosine()), Cosine(), never, scale=0.0)
    assert torch.equal(off(x, t), MIXTURE.denoise(Cosine())(x, t))
