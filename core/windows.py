"""A denoiser of signals larger than it was trained on: its answers on overlapping windows, averaged.

    x0_hat(x) = sum_k w_k D(x restricted to window k) / sum_k w_k

is the signal nearest, in the squares weighted by w, to what the denoiser says on every window (Bar-Tal et al. 2023,
«MultiDiffusion», eq. 5). Their w is 1; here it falls towards the edges of a window, where the denoiser sees least
around it, so that no seam is left. All samplers, guidance and posterior solvers take it like any denoiser.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.schedule import Denoise


def windows(denoise: Denoise, size: Sequence[int], *, overlap: float = 0.5) -> Denoise:
    """`denoise` for x (B, C, *any) whose trailing axes are at least `size`, the ones that `denoise` was trained on.

    `overlap` in [0, 1) is the share of a window that its neighbour covers too, at least. One call of `denoise` for each
    window; where x has the trained size, it is `denoise` itself. Raises ValueError for another overlap or a smaller x.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"windows: overlap must lie in [0, 1), got {overlap}")
    wanted = tuple(size)

    def joined(x: Tensor, t: Tensor) -> Tensor:
        have = tuple(x.shape[-len(wanted) :])
        if have == wanted:
            return denoise(x, t)
        if any(h < w for h, w in zip(have, wanted, strict=True)):
            raise ValueError(f"windows: x of size {have} is smaller than the window {wanted}")
        weight = tent(wanted, x)
        total, weights = torch.zeros_like(x), x.new_zeros(have)
        for start in itertools.product(*(starts(h, w, overlap) for h, w in zip(have, wanted, strict=True))):
            where: Any = (..., *(slice(s, s + w) for s, w in zip(start, wanted, strict=True)))
            total[where] += (weight * denoise(x[where].contiguous(), t)).to(x.dtype)
            weights[where] += weight
        return total / weights

    return joined


def starts(have: int, size: int, overlap: float) -> list[int]:
    """First elements of as few windows as cover `have` elements with `overlap`, evenly apart, both ends included."""
    hops = math.ceil((have - size) / max(1.0, size * (1 - overlap)))
    return [round(i * (have - size) / hops) for i in range(hops + 1)] if hops else [0]


def tent(size: Sequence[int], like: Tensor) -> Tensor:
    """Weights (*size) that fall from 1 in the middle towards each edge, never to 0."""
    sides = []
    for axis, n in enumerate(size):
        middle = (torch.arange(n, dtype=torch.float32, device=like.device) + 0.5) / n
        side = 1 - (2 * middle - 1).abs() * (1 - 1 / n)
        sides.append(side.reshape((-1,) + (1,) * (len(size) - 1 - axis)))
    return functools.reduce(torch.mul, sides).to(like.dtype)
