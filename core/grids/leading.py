"""Every (N // steps)-th entry of a table of N, counted from the data (Song et al. 2021a; «leading» in diffusers).

It starts below t_max, the further the fewer the steps, and so hands the model a level that pure noise does not have:
the flaw that Lin et al. 2024, sec. 3.3, show, and the reason for `trailing`. It is here to repeat published results.
"""

import torch
from torch import Tensor

from core.grids import _table
from core.schedule import Schedule


def leading(schedule: Schedule, steps: int, *, train_steps: int = 1000, offset: int = 0) -> Tensor:
    """`(steps + 1,)` times to 0, float64 on the CPU, the first at entry (steps - 1) (N // steps) + offset.

    `offset` is diffusers' steps_offset, 1 for Stable Diffusion. Raises ValueError unless 1 <= steps <= train_steps and
    all entries lie in the table.
    """
    _table.check("leading", steps, train_steps)
    stride = train_steps // steps
    if not 0 <= offset < train_steps - (steps - 1) * stride:
        most = train_steps - (steps - 1) * stride - 1
        raise ValueError(f"grid leading: offset must lie in 0 ... {most} for {steps} of {train_steps}, got {offset}")
    return _table.times_at(schedule, torch.arange(steps - 1, -1, -1) * stride + offset, train_steps)
