"""Log-normal noise levels (Karras et al. 2022, table 1: P_mean and P_std), on any schedule."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class LogNormal:
    """ln(sigma / alpha) ~ N(mean, std^2), in nats; what lies beyond t_max trains t_max."""

    mean: float = -1.2
    std: float = 1.2

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise ValueError(f"density log_normal: std must be positive, got {self.std}")

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        return schedule.time(-2 * (self.mean + self.std * torch.special.ndtri(u))).clamp(max=schedule.t_max)


log_normal = LogNormal
