"""What a model is asked for: a flat dictionary of tensors, one row per example, and how a row says nothing.

    {"label": (B,) int64, "caption": (B, L, W) int64, "pitch": (B,) float32, "reference": (B, C, *size) float32}

A row is *absent* where nothing is asked: a row of integers that is all -1, a row of floats that is all NaN. An absent
row and a missing key mean the same. Rows of booleans are flags of an example (`stills`) and never absent.
The unconditional model of guidance is the same network with everything absent (Ho & Salimans 2022).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

Condition = Mapping[str, Tensor] | None
"""What to sample, one row per example: `{"label": (B,) int64}` and whatever else a network takes."""


def absent(rows: Tensor) -> Tensor:
    """Rows (B, ...) of the same shape and dtype that say nothing; flags as they are."""
    if rows.dtype == torch.bool:
        return rows
    return torch.full_like(rows, torch.nan if rows.is_floating_point() else -1)


def unconditional(cond: Condition) -> Condition:
    """`cond` with every condition absent, flags as they are: what guidance moves away from."""
    return None if cond is None else {name: absent(rows) for name, rows in cond.items()}


def of_rows(cond: Condition, rows: Tensor) -> Condition:
    """`cond` of the examples `rows` (n,) alone, by their numbers."""
    return None if cond is None else {name: value[rows] for name, value in cond.items()}


def is_absent(rows: Tensor) -> Tensor:
    """(B,) bool: which of the rows (B, ...) say nothing. No value is looked at on the host."""
    if rows.dtype == torch.bool:
        return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    unsaid = rows.isnan() if rows.is_floating_point() else rows == -1
    return unsaid.flatten(1).all(1) if rows.ndim > 1 else unsaid


def dropped(rows: Tensor, drop: Tensor) -> Tensor:
    """The rows (B, ...) with those absent where `drop` (B,) bool says so."""
    return torch.where(drop.reshape(drop.shape + (1,) * (rows.ndim - 1)), absent(rows), rows)


def same(a: Condition, b: Condition) -> bool:
    """Whether two conditions ask for the same: equal rows, and an absent row is like a missing key."""
    left, right = a or {}, b or {}
    return all(_same(left.get(name), right.get(name)) for name in {**left, **right})


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        one = b if a is None else a
        return one is None or (one.dtype != torch.bool and bool(is_absent(one).all()))
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())
