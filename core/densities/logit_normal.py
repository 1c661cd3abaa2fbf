"""Logit-normal times (Esser et al. 2024, sec. 3.1): few at either end, where there is least to learn."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class LogitNormal:
    """logit(t / t_max) ~ N(mean, std^2). On `rectified`, logit(t) = ln(sigma / alpha), and this is `log_normal`."""

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise ValueError(f"density logit_normal: std must be positive, got {self.std}")

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        return schedule.t_max * torch.sigmoid(self.mean + self.std * torch.special.ndtri(u))


logit_normal = LogitNormal
