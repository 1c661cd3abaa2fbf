"""Patches to channels and back, along any number of axes: `modalities.nn.layout` for maps and volumes alike."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def fold(x: Tensor, factor: Sequence[int]) -> Tensor:
    """(N, C, *size) -> (N, C * prod(factor), *size / factor), zeros at the ends where it does not divide."""
    padding = [n for size, f in zip(reversed(x.shape[2:]), reversed(factor), strict=True) for n in (0, -size % f)]
    x = functional.pad(x, padding)
    rank = len(factor)
    for axis, f in enumerate(factor):
        x = x.unflatten(2 + 2 * axis, (-1, f))  # axes: N C s0 f0 s1 f1 …
    inner, outer = [3 + 2 * i for i in range(rank)], [2 + 2 * i for i in range(rank)]
    return x.permute(0, 1, *inner, *outer).flatten(1, 1 + rank)


def unfold(x: Tensor, factor: Sequence[int], size: Sequence[int]) -> Tensor:
    """The inverse: (N, C * prod(factor), *) -> (N, C, *size), what the padding had added cropped again."""
    rank = len(factor)
    x = x.unflatten(1, (-1, *factor))  # axes: N C f0 f1 … s0 s1 …
    order = [axis for i in range(rank) for axis in (2 + rank + i, 2 + i)]
    x = x.permute(0, 1, *order)
    for axis in range(rank):
        x = x.flatten(2 + axis, 3 + axis)
    for axis, n in enumerate(size):
        x = x.narrow(2 + axis, 0, n)
    return x
