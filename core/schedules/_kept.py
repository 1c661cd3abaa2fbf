"""What a schedule keeps constant along its path, found by looking: what `shifted` and `zero_terminal` share."""

from collections.abc import Callable

import torch
from torch import Tensor

from core.schedule import Schedule

Size = Callable[[Tensor, Tensor], Tensor]


def signal(alpha: Tensor, sigma: Tensor) -> Tensor:
    """alpha: 1 on a variance-exploding schedule."""
    return alpha


def total(alpha: Tensor, sigma: Tensor) -> Tensor:
    """alpha + sigma: 1 on the straight path."""
    return alpha + sigma


def size_kept(schedule: Schedule) -> Size | None:
    """The one of `signal`, `torch.hypot` (variance-preserving) and `total` that is 1 all along; None where none is."""
    t = torch.tensor([0.2, 0.5, 0.9, 1.0], dtype=torch.float64) * schedule.t_max
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    for size in (signal, torch.hypot, total):
        if bool(((size(alpha, sigma) - 1).abs() < 1e-6).all()):
            return size
    return None
