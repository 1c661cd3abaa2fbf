"""Brownian motion that is a function of (seed, interval): whoever asks, in whatever order, walks along one path.

    W(0) = 0,    W(v) - W(u) ~ N(0, v - u) I,    increments over disjoint intervals independent,    0 <= u < v

The half-line is cut into octaves [2^k, 2^(k + 1)], whose increments are independent, and each octave is halved by the
bridge W(mid) = (W(left) + W(right)) / 2 + N(0, length / 4), every normal from a generator of its own, seeded by
(seed, octave, node). This is the virtual Brownian tree of Li et al. (2020, sec. 4) without an end: the clock of the
samplers, SNR^eta, runs from 0 at pure noise to infinity at clean data.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.sampling import per_example
from core.training.seeds import generator_of

LOWEST = -40
"""[0, 2^-40] is the first cell: no SNR of interest lies in it."""

DEPTH = 24
"""Times are resolved to 2^-24 of their octave."""


class Brownian:
    """`Brownian(seeds)(x)` draws as `per_example` does; `Brownian(seeds).over(x, start, end)` is the path's increment.

    One seed, and so one path, per example: a sample does not depend on who shares its batch. The normals are drawn on
    the CPU in float32 or better, whatever the device of x. An increment costs about 2 DEPTH draws per example.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = tuple(seeds)
        self._fresh = per_example([generator_of(seed) for seed in self.seeds])
        self._place: tuple[object, Tensor] | None = None  # the latest answer of `_within`: the next step starts there

    def __call__(self, x: Tensor) -> Tensor:
        """Fresh standard normal noise like x, for what is no part of the path: the start of sampling, for one."""
        return self._fresh(x)

    def over(self, x: Tensor, start: float, end: float) -> Tensor:
        """(W(end) - W(start)) / sqrt(end - start), like x (B, *event); zero for an empty interval, start = end.

        Raises ValueError unless 0 <= start <= end < inf, and where the interval is too short to be resolved.
        """
        if not 0 <= start <= end < math.inf:
            raise ValueError(f"a Brownian increment needs 0 <= start <= end < inf, got {start} and {end}")
        if start == end:
            return torch.zeros_like(x)
        (first, i), (final, j) = _locate(start), _locate(end)
        if (first, i) == (final, j):
            raise ValueError(f"a Brownian increment over [{start}, {end}] is shorter than 2^-{DEPTH} of its octave")
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        length = _distance((first, i), (final, j))
        total = -_root(first, length) * self._within(wide, first, i)  # before the next: the place of i is remembered
        for cell in range(first, final):
            total = total + _root(cell, length) * self._normal(wide, cell, 0)
        return (total + _root(final, length) * self._within(wide, final, j)).to(x.dtype)

    def _within(self, x: Tensor, cell: int, place: int) -> Tensor:
        """W at place / 2^DEPTH of a cell of unit length, from its start."""
        key = (cell, place, x.shape, x.dtype, x.device)
        if self._place is not None and self._place[0] == key:
            return self._place[1]
        left, right = torch.zeros_like(x), self._normal(x, cell, 0)
        node, length, rest = 1, 1.0, place
        for level in reversed(range(DEPTH)):
            if rest == 0:
                break
            middle = (left + right) / 2 + math.sqrt(length) / 2 * self._normal(x, cell, node)
            upper, length = rest >> level, length / 2
            left, right = (middle, right) if upper else (left, middle)
            node, rest = 2 * node + upper, rest - (upper << level)
        self._place = (key, left)
        return left

    def _normal(self, x: Tensor, cell: int, node: int) -> Tensor:
        return per_example([generator_of(seed, cell, node) for seed in self.seeds])(x)


def _locate(time: float) -> tuple[int, int]:
    """The cell of a time and its place there, 0 to 2^DEPTH - 1, to the nearest."""
    if time < 2.0**LOWEST:
        cell, fraction = LOWEST - 1, time / 2.0**LOWEST
    else:
        mantissa, exponent = math.frexp(time)
        cell, fraction = exponent - 1, 2 * mantissa - 1
    place = round(fraction * 2**DEPTH)
    return (cell, place) if place < 2**DEPTH else (cell + 1, 0)


def _length(cell: int) -> float:
    return 2.0 ** max(cell, LOWEST)  # the first cell is as long as the second, which starts where it ends


def _distance(start: tuple[int, int], end: tuple[int, int]) -> float:
    """From one place to another, without cancellation inside a cell."""
    (first, i), (final, j) = start, end
    between = sum(_length(cell) for cell in range(first, final))
    return between + _length(final) * j / 2**DEPTH - _length(first) * i / 2**DEPTH


def _root(cell: int, length: float) -> float:
    return math.sqrt(_length(cell) / length)
