"""Sums over one example's event, whatever its rank."""

import torch
from torch import Tensor

from core.shapes import expand_like


def wide(x: Tensor) -> Tensor:
    """`x` in float32 or better."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def inner(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each example, `(B, 1, ..., 1)`, for a and b `(B, *event)`."""
    return expand_like((wide(a) * wide(b)).reshape(len(a), -1).sum(1), a)
