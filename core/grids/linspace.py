"""Entries of a table of N at equal distance, both ends included (Nichol & Dhariwal 2021; «linspace» in diffusers)."""

import torch
from torch import Tensor

from core.grids import _table
from core.schedule import Schedule


def linspace(schedule: Schedule, steps: int, *, train_steps: int = 1000) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU, at the entries round(i (N - 1) / (steps - 1)).

    The last step is from entry 0, one training step from the data. One step starts at t_max (diffusers: at entry 0).
    Raises ValueError unless 1 <= steps <= train_steps.
    """
    _table.check("linspace", steps, train_steps)
    spacing = (train_steps - 1) / max(steps - 1, 1)
    entries = (torch.arange(steps, dtype=torch.float64) * spacing).round().flip(0)
    entries[0] = train_steps - 1
    return _table.times_at(schedule, entries, train_steps)
