"""CosMap (Esser et al. 2024, eq. 21): on `rectified`, the log-SNRs of the cosine schedule under uniform times.

density of t:  2 / (pi - 2 pi t + 2 pi t^2)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class CosineMap:
    """t / t_max = 1 - 1 / (tan(pi u / 2) + 1), written without the pole: sin / (sin + cos)."""

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        sin, cos = torch.sin(math.pi / 2 * u), torch.sin(math.pi / 2 * (1 - u))
        return schedule.t_max * (sin / (sin + cos))


cosine_map = CosineMap
