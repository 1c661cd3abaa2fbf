"""Moment matching (Rozet et al. 2024, sec. 4): p(x0 | x_t) as a Gaussian of its own mean and covariance,

    E[x0 | x_t, y] = x0_hat + V A^T (A V A^T + noise_std^2 I)^-1 (y - A x0_hat),      V = Cov[x0 | x_t],

where V = sigma^2 / alpha d x0_hat / dx by Tweedie's formula (Finzi et al. 2023; Boys et al. 2023), never formed: each
product with V is one pass back through the denoiser, and the system is solved by conjugate gradients. Exact for
Gaussian data of any covariance, where `pigdm`, which sets V = r^2 I, is exact for white data alone.
"""

import torch
from torch import Tensor

from core.composed import conjugate_gradients
from core.measurement import Measurement, linear
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


def moment_matching(
    sampler: Sampler, measurement: Measurement, *, iterations: int = 5, sigma_data: float = 0.5
) -> Sampler:
    """A sampler of x0 given `measurement`, of a linear operator, by `iterations` of conjugate gradients per call.

    As many iterations as A has rows are exact, few are enough where noise_std is not small beside the signal.
    `sigma_data` stands for V above the level 1000 sigma_data only, as in `pigdm`. Raises ValueError for another
    operator, iterations below 1 or sigma_data <= 0.
    """
    operator = linear(measurement.operator, "moment_matching")
    check_sigma_data("moment_matching", sigma_data)
    if iterations < 1:
        raise ValueError(f"moment_matching: iterations must be at least 1, got {iterations}")

    def given(denoise: Denoise, schedule: Schedule) -> Denoise:
        def posterior(x: Tensor, t: Tensor) -> Tensor:
            x0, pull_back = with_gradient(denoise, x, t)
            alpha, sigma = wide_scales(schedule, t)
            counts = expand_like(derivative_counts(alpha, sigma, sigma_data), x)
            weight, white = (expand_like(w, x) for w in (sigma**2 / alpha, prior_variance(alpha, sigma, sigma_data)))

            def covariance(v: Tensor) -> Tensor:
                return torch.where(counts, weight * pull_back(v), white * v)

            def matrix(v: Tensor) -> Tensor:
                return operator(covariance(operator.adjoint(v))) + measurement.noise_std**2 * v

            residual = measurement.residual(x0)
            wide = residual.to(torch.promote_types(residual.dtype, torch.float32))
            solved = conjugate_gradients(matrix, wide, iterations)
            return (x0 + covariance(operator.adjoint(solved))).to(x.dtype)

        return posterior

    return conditioned(sampler, given)
