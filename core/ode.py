"""Ordinary differential equations to high accuracy, for oracles and likelihoods: extrapolation of the midpoint rule.

Gragg's midpoint rule over a step H in 2, 4, …, 2k parts has errors in even powers of the part alone, so Richardson
extrapolation over the k answers is of order 2k (Bulirsch & Stoer 1966; Hairer et al. 1993, sec. II.9). H
follows from the difference of the last two columns. The slope is never asked for at the end of a step, where that of a
probability flow may be undefined (sigma = 0).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from core.schedule import Denoise, Schedule, log_snr, norm, transport
from core.schedules.cosine import Cosine

CIRCLE = Cosine(offset=0.0, t_max=1.0)
"""alpha = cos(pi t / 2), sigma = sin(pi t / 2): on this path flows are smooth at both ends, whatever the schedule."""

Slope = Callable[[Tensor, float], Tensor]
"""`slope(y, t) -> dy/dt`, same shape as y."""


def integrate(
    slope: Slope, y: Tensor, start: float, end: float, *, tolerance: float = 1e-10, columns: int = 6
) -> Tensor:
    """y(end) of dy/dt = slope(y, t) from y(start) = y, in either direction; any shape, in the dtype of y.

    tolerance: largest error of a step, relative to the largest element of y. columns: k >= 2; a step asks
    for k^2 + 1 slopes and is of order 2k. Raises ValueError for options out of range and ArithmeticError
    where no step is small enough (a slope that is not finite, or a tolerance below rounding).
    """
    if not (tolerance > 0 and columns >= 2):
        raise ValueError(f"integrate: needs tolerance > 0 and columns >= 2, got {tolerance} and {columns}")
    t, h = start, (end - start) / 8
    while t != end:
        last = abs(h) >= abs(end - t)
        h = end - t if last else h
        new, error = _step(slope, y, t, h, columns)
        miss = float(error.abs().amax() / (tolerance * new.abs().amax().clamp_min(1e-300))) if y.numel() else 0.0
        if miss <= 1:
            t, y = (end if last else t + h), new
        elif abs(h) < 1e-12 * abs(end - start):
            raise ArithmeticError(f"integrate: no step is small enough for tolerance {tolerance} at t = {t}")
        good = miss ** (-1 / (2 * columns - 1)) if miss > 0 else math.inf
        h *= min(4.0, max(0.1, 0.9 * good)) if math.isfinite(miss) else 0.1
    return y


def _step(slope: Slope, y: Tensor, t: float, h: float, columns: int) -> tuple[Tensor, Tensor]:
    """One extrapolated step and its estimated error."""
    first, row = slope(y, t), list[Tensor]()
    for j in range(1, columns + 1):
        part = h / (2 * j)
        old, new = y, y + part * first
        for m in range(1, 2 * j):
            old, new = new, old + 2 * part * slope(new, t + m * part)
        above, row = row, [new]
        for k, previous in enumerate(above, start=1):  # Aitken and Neville, in part^2
            row.append(row[-1] + (row[-1] - previous) / ((j / (j - k)) ** 2 - 1))
    return row[-1], row[-1] - row[-2]


def flow(denoise: Denoise, schedule: Schedule, x: Tensor, t: Tensor, s: Tensor, *, tolerance: float = 1e-10) -> Tensor:
    """Solution at s of the probability-flow ODE (Song et al. 2021b, eq. 13) through (x, t); x (B, *event), t and s ().

    Solved on `CIRCLE`, where dz/du = pi/2 (cos z - x0_hat) / sin. From t = 0 the path of a smooth density leaves with
    eps_hat = 0; for data without one (points, a plane) x at t = 0 does not determine its path. Raises as `integrate`.
    """
    u, v = angle(schedule, t), angle(schedule, s)
    z = integrate(circle_slope(denoise, schedule), x / norm(schedule, t, x), u, v, tolerance=tolerance)
    return z * norm(schedule, s, x)


def angle(schedule: Schedule, t: Tensor) -> float:
    """The time on `CIRCLE` of equal log-SNR, in [0, 1]."""
    return float(CIRCLE.time(log_snr(schedule, t.to(torch.float64))))


def circle_slope(denoise: Denoise, schedule: Schedule) -> Slope:
    """dz/du of the probability flow on `CIRCLE`, from a denoiser on `schedule`."""
    on_circle = transport(denoise, schedule, CIRCLE)

    def slope(z: Tensor, u: float) -> Tensor:
        if u == 0:
            return torch.zeros_like(z)
        a = u * math.pi / 2
        return math.pi / 2 * (math.cos(a) * z - on_circle(z, torch.tensor(u, dtype=torch.float64))) / math.sin(a)

    return slope
