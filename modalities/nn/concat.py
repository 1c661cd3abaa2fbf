"""Signals beside x at the input of a network: another picture, sound or clip, or the known part of x itself.

    presented(rows) = [rows where known and 0 elsewhere, known]     known = 1 where no channel of a position is NaN

so one more channel says at every position whether anything is known there, and an absent row is zeros throughout.
A signal of the size of x is folded with it (`patch`); any other one is resized (nearest) to the map after folding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


def presented(rows: Tensor) -> Tensor:
    """Rows (B, K, *size), NaN where nothing is known, -> (B, K + 1, *size) without a NaN."""
    known = ~rows.isnan().any(dim=1, keepdim=True)
    return torch.cat([torch.where(known, rows, 0.0), known.to(rows.dtype)], dim=1)


class Signal(nn.Module):
    """The module of a condition that enters as it is: rows (B, channels, *size) -> (B, channels + 1, *size).

    `folded` signals have the size of x, the others their own. A module that learns from its rows must begin with
    `presented` too: behind anything with weights, a NaN would reach their gradient.
    """

    def __init__(self, channels: int, *, folded: bool = True) -> None:
        super().__init__()
        self.channels = channels + 1
        self.folded = folded

    def forward(self, rows: Tensor) -> Tensor:
        return presented(rows)


class Beside(NamedTuple):
    """Signals on their way into the stem: of the size of x (N, K, H, W), and of the folded map's (N, K, h, w)."""

    folded: Tensor | None = None
    coarse: Tensor | None = None


def beside(signals: Sequence[tuple[Tensor, bool]], x: Tensor, patch: int) -> Beside:
    """Signals (B, K, *size) with their `folded`, brought to the sizes that x (B, C, *size) asks for.

    A clip's first axis is time, which is never folded. ValueError where the number of axes differs from that of x.
    """
    size = x.shape[2:]
    time = len(size) - 2 if len(size) > 2 else 0
    coarse = size[:time] + tuple(-(-side // patch) for side in size[time:])
    found: dict[bool, list[Tensor]] = {True: [], False: []}
    for signal, folded in signals:
        if signal.ndim != x.ndim:
            raise ValueError(f"a signal of shape {tuple(signal.shape)} does not lie beside x of shape {tuple(x.shape)}")
        found[folded].append(resized(signal, size if folded else coarse).to(x.dtype))
    return Beside(*(torch.cat(found[f], dim=1) if found[f] else None for f in (True, False)))


def resized(signal: Tensor, size: Sequence[int]) -> Tensor:
    """(B, K, *any) -> (B, K, *size) by the nearest position."""
    if signal.shape[2:] == tuple(size):
        return signal
    return functional.interpolate(signal, size=list(size), mode="nearest-exact")
