"""Mode sampling with heavy tails (Esser et al. 2024, eq. 20): weight in the middle, and never none at the ends."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class Mode:
    """t / t_max = 1 - u' - scale (cos^2(pi u' / 2) - 1 + u'),  u' = 1 - u so that t rises with u.

    scale > 0 favours the middle, scale < 0 the ends, 0 is `uniform`; the density of t is |du / dt|, with the slopes
    1 / (1 + scale) at both ends. Raises ValueError unless -1 <= scale <= 2 / (pi - 2), where the map is monotone.
    """

    scale: float = 1.29

    def __post_init__(self) -> None:
        if not -1 <= self.scale <= 2 / (math.pi - 2):
            raise ValueError(f"density mode: scale must lie in [-1, 2 / (pi - 2)] = [-1, 1.7519], got {self.scale}")

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        return schedule.t_max * (u - self.scale * (torch.sin(math.pi / 2 * u) ** 2 - u))


mode = Mode
