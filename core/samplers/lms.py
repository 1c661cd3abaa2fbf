"""Linear multistep (Crowson 2022, k-diffusion): Adams-Bashforth with variable steps, in the noise level.

    x_s / alpha_s = x_t / alpha_t + sum_j eps_j ∫ l_j(level) dlevel,      level = sigma / alpha

with l_j the Lagrange polynomials through the latest `order` levels, integrated exactly.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._multistep import adams, latest, level, multistep, noise_weights
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 4


def lms(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    order: int = 4,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The order rises from 1 to `order`; a step to sigma = 0 is first order.

    Raises ValueError unless order is 1, 2, 3 or 4.
    """
    if order not in (1, 2, 3, 4):
        raise ValueError(f"lms: order must be 1, 2, 3 or 4, got {order}")
    levels = level(schedule, times)
    weights, kept = noise_weights(schedule, times, adams(latest(levels, order), levels, torch.ones_like))
    return multistep(denoise, x, times, weights, kept=kept)
