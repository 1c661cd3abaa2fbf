"""iPNDM (Zhang & Chen 2023; after Liu et al. 2022b): Adams-Bashforth on eps_hat with the weights of equal steps, whose
order rises from 1 in the first steps: one call in every step. `lms` is the same with the weights of the steps."""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._adams_bashforth import equal_steps
from core.samplers._multistep import multistep
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 2
EVEN = True


def ipndm(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    order: int = 4,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. A step to sigma = 0 is first order. The first step keeps the whole at
    second order whatever `order` is. Raises ValueError unless order is 1, 2, 3 or 4."""
    if order not in (1, 2, 3, 4):
        raise ValueError(f"ipndm: order must be 1, 2, 3 or 4, got {order}")
    weights, kept = equal_steps(schedule, times, order)
    return multistep(denoise, x, times, weights, kept=kept)
