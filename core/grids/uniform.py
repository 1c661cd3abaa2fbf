"""Equal steps in the schedule's own time: the grid of DDPM on `linear` and of rectified flow."""

import torch
from torch import Tensor

from core.schedule import Schedule


def uniform(schedule: Schedule, steps: int) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU. Raises ValueError for steps < 1."""
    if steps < 1:
        raise ValueError(f"grid uniform: steps must be at least 1, got {steps}")
    return torch.linspace(schedule.t_max, 0, steps + 1, dtype=torch.float64)
