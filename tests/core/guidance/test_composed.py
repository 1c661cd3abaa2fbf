"""Several conditions at once are a product of experts, exact for Gaussians."""

import pytest
import torch

from core.guidance.classifier_free import classifier_free
from core.guidance.composed import composed
from core.schedule import scales
from tests.core.guidance.models import constant, gaussian, rows, schedules


@schedules
@pytest.mark.parametrize("weights", [(1.0, 1.0), (2.0, 0.5), (1.5, -0.5)], ids=str)
def test_conditions_compose_to_the_product_of_experts(schedule, weights):
    """p(x_t) prod (p(x_t | c_i) / p(x_t))^w_i of Gaussians N(m, v) is one of precision P = sum of signed 1/v and mean
    the same sum of m/v over P; its score, by Tweedie, must be that of the composed denoiser."""
    t, x = torch.tensor(0.6 * schedule.t_max), torch.linspace(-3, 3, 7)
    base, experts = gaussian(0.0, 1.0), [gaussian(1.0, 0.7), gaussian(0.4, 0.9)]
    signed = [(1 - sum(weights), base), *zip(weights, experts, strict=True)]
    alpha, sigma = scales(schedule, t, x)
    variances = [alpha**2 * g.std[0] ** 2 + sigma**2 for _, g in signed]
    precision = sum(w / v for (w, _), v in zip(signed, variances, strict=True))
    mean = sum(w * alpha * g.mean[0] / v for (w, g), v in zip(signed, variances, strict=True)) / precision
    want = (x - sigma**2 * precision * (x - mean)) / alpha
    guided = composed([g.denoise(schedule) for g in experts], base.denoise(schedule), weights=weights)
    assert torch.allclose(guided(x, t), want, rtol=1e-9, atol=1e-9)


def test_one_composed_condition_is_classifier_free():
    x, t = rows(), torch.tensor(0.5)
    c, u = constant(rows(seed=1)), constant(rows(seed=2))
    assert torch.allclose(composed([c], u, weights=[3.0])(x, t), classifier_free(c, u, scale=3.0)(x, t))
