"""Decoding a large map piece by piece: tiles that overlap, blended where they do.

    y = sum_k w_k decode(z restricted to tile k) / sum_k w_k

Along each tiled axis w_k is 1 inside a tile. Over the `overlap` that it shares with its neighbour, u from 0 to 1,

    w = clamp(2 u - 1/2, 0, 1)          on the side where a tile begins, 1 - w where it ends

so the outer quarter of the overlap, which sees the tile's border, counts nothing. A decoder that sees at most a quarter
of the overlap around each position gives the same as on the whole map; one that normalises over the map or attends to
all of it gives nearly the same. Memory is that of one tile.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

WHOLE = 1 << 22
"""Values of one decoded example up to which it is decoded whole: 1,182 x 1,182 RGB, four million samples."""
LEAST = 8
"""Fewest positions a side of a tile."""


def tiled(decode: Callable[[Tensor], Tensor], z: Tensor, *, tile: int) -> Tensor:
    """`decode(z)` for z (B, c, *size), in tiles of `tile` positions a side that overlap by a quarter of it.

    The last two axes are tiled, the last one of a waveform; a clip keeps its frames together. Raises ValueError for a
    tile below `LEAST`, and where decoding does not enlarge every tile by one whole factor.
    """
    if tile < LEAST:
        raise ValueError(f"sample.tile={tile} must be at least {LEAST} positions of the latent map")
    first = max(2, z.ndim - 2)
    axes = range(first, z.ndim)
    sides = [min(tile, z.shape[axis]) for axis in axes]
    if all(side == z.shape[axis] for side, axis in zip(sides, axes, strict=True)):
        return decode(z)
    overlap = tile // 4
    places = [starts(z.shape[axis], side, overlap) for side, axis in zip(sides, axes, strict=True)]
    total, weights = torch.empty(0), torch.empty(0)
    factors: list[int] = []
    for at in itertools.product(*places):
        part: Any = (..., *(slice(a, a + side) for a, side in zip(at, sides, strict=True)))
        piece = decode(z[part].contiguous())
        if not factors:
            factors = [factor(piece.shape[axis], side) for side, axis in zip(sides, axes, strict=True)]
            size = [z.shape[axis] * f for axis, f in zip(axes, factors, strict=True)]
            total = torch.zeros(*piece.shape[:first], *size, dtype=torch.float32, device=z.device)
            weights = torch.zeros(size, dtype=torch.float32, device=z.device)
        weight = torch.ones((), device=z.device)
        for axis, a, side, f in zip(axes, at, sides, factors, strict=True):
            weight = weight[..., None] * ramp(a, side, z.shape[axis], overlap, f).to(z.device)
        where: Any = (..., *(slice(a * f, (a + side) * f) for a, side, f in zip(at, sides, factors, strict=True)))
        total[where] += weight * piece
        weights[where] += weight
    return total / weights


def starts(length: int, side: int, overlap: int) -> list[int]:
    """First positions of the tiles that cover `length`, each sharing `overlap` or more with the one before."""
    steps = range(0, max(1, length - overlap), max(1, side - overlap))
    return sorted({min(a, length - side) for a in steps})


def ramp(start: int, side: int, length: int, overlap: int, factor: int) -> Tensor:
    """Weights (side * factor,) of a tile along one axis: they fall only where a neighbour takes over."""
    weight, shared = torch.ones(side * factor), overlap * factor
    rising = (2 * (torch.arange(shared) + 0.5) / max(1, shared) - 0.5).clamp(0, 1)
    if start > 0:
        weight[:shared] = rising
    if start + side < length:
        weight[side * factor - shared :] *= 1 - rising
    return weight


def factor(decoded: int, side: int) -> int:
    if decoded % side:
        raise ValueError(f"sample.tile: {side} latent positions are decoded to {decoded}, which is no whole factor")
    return decoded // side


def automatic(latent_shape: Sequence[int], event_shape: Sequence[int]) -> int | None:
    """A tile that decodes to about `WHOLE` values; None for an example that is no larger."""
    share = WHOLE / math.prod(event_shape)
    if share >= 1:
        return None
    sides = latent_shape[max(1, len(latent_shape) - 2) :]
    return max(LEAST, int((share * math.prod(sides)) ** (1 / len(sides))))
