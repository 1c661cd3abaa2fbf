"""Restart sampling (Xu et al. 2023, algorithm 1): in some interval of levels, go back up with noise and down again.

On reaching the lower end of an interval, `repeats` times:

    x at the upper end = scale x + std z           a step of the forward chain, as large as the interval
    x at the lower end = Heun's steps down         the steps of the grid once more

The large noise contracts the errors that were made before; the steps between stay those of an ODE.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.forward import transition
from core.samplers._single_step import runge_kutta
from core.samplers._steps import combine, per_step, vanishes
from core.schedule import Denoise, Schedule, log_snr
from core.state import RandnLike, State

ORDER = 2
CALLS = 2
"""Per step down; a restart makes the steps of its interval again."""


def restart(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    intervals: tuple[tuple[float, float, int], ...] = ((0.06, 0.3, 2),),
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`intervals` of (lowest level, highest level, repeats), in levels sigma / alpha; each runs between the first and
    the last time of the grid inside of it, and is skipped where the grid has fewer than two. Without any, `heun`.

    One state per step of `times`, after the restarts that end there. Raises ValueError unless 0 < low < high and
    repeats >= 0.
    """
    for low, high, repeats in intervals:
        if not (0 < low < high and repeats >= 0):
            raise ValueError(f"restart: needs 0 < low < high and repeats >= 0, got {(low, high, repeats)}")
    levels = torch.exp(-log_snr(schedule, times) / 2).tolist()
    spans: dict[int, list[tuple[int, int]]] = {}  # by the index of the lower end
    for low, high, repeats in intervals:
        inside = [i for i, level in enumerate(levels) if low <= level <= high]
        if len(inside) > 1:
            spans.setdefault(inside[-1], []).append((inside[0], repeats))
    ends = [(top, bottom) for bottom, some in spans.items() for top, _ in some]
    tops, bottoms = (times[[pair[k] for pair in ends]] for k in (0, 1))
    up = dict(zip(ends, per_step(x, *transition(schedule, bottoms, tops)), strict=True))
    clean = vanishes(schedule.sigma(times[-1]))
    step = runge_kutta(schedule, x, times[:-1], times[1:], (0.0, 1.0), ((), (1.0,)), (0.5, 0.5), clean=clean)
    for i, end in enumerate(times[1:].unbind(), 1):
        x, _ = step(denoise, x, i - 1)
        for top, repeats in spans.get(i, []):
            for _ in range(repeats):
                x = combine(up[top, i], [x, randn_like(x)])
                for again in range(top, i):
                    x, _ = step(denoise, x, again)
        yield State(end, x)
