"""What every training loop does around a step of an optimiser: set its learning rate, clip the gradient."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """`rate` for the next step; a group with an `lr_scale` of its own gets that share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


def clipped(parameters: Iterable[nn.Parameter], clip_norm: float) -> Tensor:
    """Scale the gradient down to a norm of at most `clip_norm`, 0 being no limit; returns the norm that it had, ()."""
    return clip_grad_norm_(parameters, clip_norm if clip_norm > 0 else float("inf"))
