"""Random masks of what is known, for training: one model then predicts, interpolates, continues, fills and generates.

A mask is bool (B, 1, *size), True where x0 is known; which kind each example gets is drawn with the shares given
(Höppe et al. 2022, «RaMViD», train on random frame masks; Voleti et al. 2022, «MCVD», on past and future blocks).
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Draw = Callable[[int, Sequence[int], torch.Generator], Tensor]
"""`draw(B, size, generator) -> bool (B, *size)`."""


def drawn(shares: Mapping[str, float], kinds: Mapping[str, Draw], B: int, size: Sequence[int],
          generator: torch.Generator) -> Tensor:  # fmt: skip
    """bool (B, 1, *size): for each example one of `kinds`, with a probability in proportion to its share.

    Every kind is drawn for the whole batch, so that an example's mask does not depend on what its neighbours got.
    """
    weights = torch.tensor([shares[name] for name in kinds], dtype=torch.float64, device=generator.device)
    chosen = torch.multinomial(weights, B, replacement=True, generator=generator)
    masks = torch.stack([draw(B, size, generator) for draw in kinds.values()])
    return masks[chosen, torch.arange(B, device=generator.device)].unsqueeze(1)


def integers(low: int, high: int, B: int, generator: torch.Generator) -> Tensor:
    """(B,) int64, low <= n <= high."""
    return torch.randint(low, high + 1, (B,), generator=generator, device=generator.device)


def uniform(B: int, count: int, generator: torch.Generator) -> Tensor:
    """(B, count) in [0, 1)."""
    return torch.rand(B, count, generator=generator, device=generator.device)


def places(count: int, generator: torch.Generator) -> Tensor:
    """0 … count - 1, where the masks are made."""
    return torch.arange(count, device=generator.device)


def nothing(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.zeros(B, *size, dtype=torch.bool, device=generator.device)


# Frames: size (T, H, W), whole frames are known.


def along_time(known: Tensor, size: Sequence[int]) -> Tensor:
    """bool (B, T) -> (B, T, H, W)."""
    return known[:, :, None, None].expand(-1, *size)


def first(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """The first k frames, k from 1 to T - 1."""
    T = size[0]
    k = integers(1, max(1, T - 1), B, generator)
    return along_time(places(T, generator) < k[:, None], size)


def still(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """The first frame alone."""
    return along_time((places(size[0], generator) == 0).expand(B, -1), size)


def between(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """The first and the last frame, and with them every n-th: n from 2 to T - 1."""
    T = size[0]
    n = integers(2, max(2, T - 1), B, generator)[:, None]
    at = places(T, generator)
    return along_time((at % n == 0) | (at == T - 1), size)


def scattered(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """Each frame with a probability that is itself drawn, uniform in [0, 1]."""
    share = uniform(B, 1, generator)
    return along_time(uniform(B, size[0], generator) < share, size)


# Boxes: any axes.


def box(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """True inside a box with sides from a quarter to three quarters of each axis."""
    inside = torch.ones(B, *size, dtype=torch.bool, device=generator.device)
    for axis, n in enumerate(size):
        length = integers(max(1, n // 4), max(1, 3 * n // 4), B, generator)
        start = (uniform(B, 1, generator)[:, 0].double() * (n - length + 1)).long()
        at = places(n, generator)
        within = (at >= start[:, None]) & (at < (start + length)[:, None])
        inside = inside & within.view(B, *(n if i == axis else 1 for i in range(len(size))))
    return inside


def hole(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """All but a box: inpainting."""
    return ~box(B, size, generator)


def side(B: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """One side of one axis, from an eighth to seven eighths of it: continuation and outpainting."""
    axis = integers(0, len(size) - 1, B, generator)
    flip = uniform(B, 1, generator) < 0.5
    share = 0.125 + 0.75 * uniform(B, 1, generator)
    known = nothing(B, size, generator)
    for i, n in enumerate(size):
        at = (places(n, generator) + 0.5) / n
        near = torch.where(flip, at.flip(0), at) < share
        near = near.view(B, *(n if j == i else 1 for j in range(len(size)))).expand_as(known)
        known = torch.where((axis == i).view(-1, *(1,) * len(size)), near, known)
    return known
