"""Entries of a table of N at equal distance from its noisy end (Lin et al. 2024, sec. 3.3; «trailing» in diffusers)."""

import torch
from torch import Tensor

from core.grids import _table
from core.schedule import Schedule


def trailing(schedule: Schedule, steps: int, *, train_steps: int = 1000) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU, at the entries round(N - i N / steps) - 1.

    Where steps divides N this is `uniform`. Halves are rounded to even; diffusers leaves them to rounding errors, which
    add a timestep -1 for 62 of the numbers of steps to 1000, 61 the first.
    Raises ValueError unless 1 <= steps <= train_steps.
    """
    _table.check("trailing", steps, train_steps)
    behind = torch.arange(steps, dtype=torch.float64) * train_steps / steps  # in this order a half is exactly a half
    return _table.times_at(schedule, (train_steps - behind).round() - 1, train_steps)
