"""DEIS, the tAB form (Zhang & Chen 2023, eq. 14 and 15): eps_hat extrapolated as a polynomial in the schedule's time.

    x_s / alpha_s = x_t / alpha_t + sum_j eps_j ∫ l_j(t) (dlevel / dt) dt,      level = sigma / alpha

with l_j the Lagrange polynomials through the latest `order` times (order = their r + 1). On EDM, where time is the
level, it is `lms`; along a path whose time is ln level it is the «log rho» form.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._multistep import adams, latest, multistep, noise_weights
from core.schedule import Denoise, Schedule, rates
from core.state import RandnLike, State

ORDER = 3


def deis(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    order: int = 3,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The order rises from 1 to `order`; a step to sigma = 0 is first order.

    Raises ValueError unless order is 1, 2, 3 or 4.
    """
    if order not in (1, 2, 3, 4):
        raise ValueError(f"deis: order must be 1, 2, 3 or 4, got {order}")

    def rise(t: Tensor) -> Tensor:
        alpha, (d_alpha, d_sigma) = schedule.alpha(t), rates(schedule, t)
        return (d_sigma - d_alpha * schedule.sigma(t) / alpha) / alpha

    weights, kept = noise_weights(schedule, times, adams(latest(times, order), times, rise))
    return multistep(denoise, x, times, weights, kept=kept)
