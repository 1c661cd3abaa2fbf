"""Pseudo-inverse guidance, PiGDM (Song et al. 2023, eq. 7): p(x0 | x_t) as N(x0_hat, r^2 I), so that

    score of p(y | x_t) = J^T A^T (r^2 A A^T + noise_std^2 I)^-1 (y - A x0_hat),      J = d x0_hat / dx,

and, by Tweedie's formula, E[x0 | x_t, y] = x0_hat + sigma^2 / alpha times it. r^2 is that of x0 ~ N(., sigma_data^2 I),
sigma^2 sigma_data^2 / (alpha^2 sigma_data^2 + sigma^2), which is the paper's where sigma_data = 1; for such data it is
exact. Towards alpha = 0, J goes to 0 with alpha: above the level 1000 sigma_data, sigma^2 / alpha J^T v is taken to be
r^2 v.

The paper's algorithm 1 adds the score to each DDIM step with a weight of its own; here it is part of the posterior's
score, so any sampler takes it.
"""

import torch
from torch import Tensor

from core.measurement import Measurement
from core.posterior._parts import (
    check_sigma_data,
    conditioned,
    derivative_counts,
    prior_variance,
    wide_scales,
    with_gradient,
)
from core.sampling import Sampler
from core.schedule import Denoise, Schedule
from core.shapes import expand_like


def pigdm(sampler: Sampler, measurement: Measurement, *, sigma_data: float = 0.5) -> Sampler:
    """A sampler of x0 given `measurement`, of any operator with `pinv` or (their sec. 3.3) `project`.

    `sigma_data` is the standard deviation of x0, as in the denoiser. Raises ValueError where it is not positive.
    """
    check_sigma_data("pigdm", sigma_data)

    def given(denoise: Denoise, schedule: Schedule) -> Denoise:
        def posterior(x: Tensor, t: Tensor) -> Tensor:
            x0, pull_back = with_gradient(denoise, x, t)
            alpha, sigma = wide_scales(schedule, t)
            r2 = prior_variance(alpha, sigma, sigma_data)
            pull = measurement.pull(x0, r2)
            weight = expand_like(sigma**2 / (alpha * r2), x)
            counts = expand_like(derivative_counts(alpha, sigma, sigma_data), x)
            move = torch.where(counts, weight * pull_back(pull), pull)
            return (x0 + move).to(x.dtype)

        return posterior

    return conditioned(sampler, given)
