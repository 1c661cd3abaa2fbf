"""Laplace-distributed log-SNR (Hang et al. 2024, table 1): most times where signal and noise are about equal."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class Laplace:
    """p(lambda) = e^(-|lambda - mean| / scale) / (2 scale), in nats; lambda falls with u.

    What lies beyond t_max trains t_max. Raises ValueError unless scale > 0.
    """

    mean: float = 0.0
    scale: float = 0.5

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"density laplace: scale must be positive, got {self.scale}")

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        depth = torch.log(2 * torch.minimum(u, 1 - u))  # <= 0: logarithm of the two-sided tail
        log_snr = self.mean - self.scale * torch.where(u < 0.5, depth, -depth)
        return schedule.time(log_snr).clamp(max=schedule.t_max)


laplace = Laplace
