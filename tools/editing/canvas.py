"""Signals larger than the model was trained on, of which a part is given: all of it at once, or window by window.

`at_once` draws x0 of the whole canvas given what is known of it, while the denoiser looks at it through overlapping
windows (`core.windows`). `in_turns` fills one window after the other, each given what is known and what was drawn: so
what is far apart has nothing to do with each other but through what lies between.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.operators.mask import Keep
from tools.editing.bench import Bench, drawn, measured, solved
from tools.schema import Options


def at_once(bench: Bench, canvas: Tensor, known: Tensor, solver: Options) -> Tensor:
    """Signals (n, C, *size) that agree with `canvas` (1, C, *size) where `known` (*size) is True."""
    keep = Keep(known)
    shape = tuple(bench.space.to_x0(canvas).shape[1:])
    results = solved(bench, measured(bench, keep, keep(canvas)), solver, shape)
    return torch.where(known, canvas, results)


def in_turns(bench: Bench, given: Tensor, *, axis: int, total: int, context: int, solver: Options) -> Tensor:
    """`given` (1, C, *size) continued to `total` elements along `axis` (counted from the end): (n, C, *size).

    Each window has the model's length and begins with the last `context` elements of what there is, or, where the whole
    is still shorter than a window, with all of it.
    """
    window, parts = bench.signal().shape[axis], []
    for some in bench.batches():
        randn_like, signal = bench.noises(some), given.expand(len(some), *given.shape[1:])
        while signal.shape[axis] < total:
            have = signal.shape[axis]
            look = have if have < window else context
            seen = signal.narrow(axis, have - look, look)
            canvas = pad_end(seen, axis, window)
            known = pad_end(torch.ones_like(seen[0, 0], dtype=torch.bool), axis, window)
            keep = Keep(known)
            x0 = drawn(bench, some, measured(bench, keep, keep(canvas)), solver, randn_like)
            new = bench.space.to_signal(x0).narrow(axis, look, window - look)
            signal = torch.cat([signal, new], dim=axis)
        parts.append(signal.narrow(axis, 0, total))
    return torch.cat(parts)


def pad_end(x: Tensor, axis: int, size: int) -> Tensor:
    """x with zeros, or False, after it until it has `size` elements along `axis`."""
    shape = list(x.shape)
    shape[axis] = size - shape[axis]
    return torch.cat([x, x.new_zeros(shape)], dim=axis)


def placed(signal: Tensor, before: Sequence[int], after: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The signal (1, C, *size) on a canvas with so many more elements before and after each of its last axes, and the
    bool mask (*canvas) of where it lies."""
    size = [n + b + a for n, b, a in zip(signal.shape[2:], before, after, strict=True)]
    canvas = signal.new_zeros(1, signal.shape[1], *size)
    known = torch.zeros(size, dtype=torch.bool, device=signal.device)
    where: Any = (..., *(slice(b, b + n) for n, b in zip(signal.shape[2:], before, strict=True)))
    canvas[where], known[where] = signal, True
    return canvas, known
