"""Steps of a table of training times, as discrete-time models number them: shared by three grids.

Entry k = 0 ... N - 1 lies at t = t_max (k + 1) / N: the noise level after k + 1 steps of the discrete chain.
"""

import torch
from torch import Tensor

from core.schedule import Schedule


def check(name: str, steps: int, train_steps: int) -> None:
    if not 1 <= steps <= train_steps:
        raise ValueError(
            f"grid {name}: steps must lie in 1 ... train_steps, got steps {steps}, train_steps {train_steps}"
        )


def times_at(schedule: Schedule, entries: Tensor, train_steps: int) -> Tensor:
    """The times of falling entries, float64, and 0 after them; the last entry is t_max to the bit."""
    share = (entries.double() + 1) / train_steps
    return schedule.t_max * torch.cat([share, share.new_zeros(1)])
