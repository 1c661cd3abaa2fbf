"""The probability-flow ODE with steps chosen by their error (Song et al. 2021b, sec. 4.3; Dormand & Prince 1980, 5(4)).

It runs on the one path that is smooth at both ends, the angle phi = atan(sigma / alpha) from pi/2 (noise) to 0 (data)
and y = x / sqrt(alpha^2 + sigma^2):

    dy/dphi = (cos(phi) y - x0_hat) / sin(phi)

A step is kept where the root mean square of (y5 - y4) / (atol + rtol |y|) is at most 1 in every example, and the next
is 0.9 error^(-1/5) as long, between a fifth and five times.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from core.samplers._steps import vanishes
from core.schedule import Denoise, Schedule, norm
from core.state import RandnLike, State

ORDER = 5
ADAPTIVE = True

NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
INNER = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
DIFFERENCE = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Dormand & Prince 1980, table 2: the last inner row is the result of fifth order; less that of fourth order."""

Slope = Callable[[Tensor, float], Tensor]


def ode(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    sigma_min: float = 1e-3,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic. `times` say where it starts and ends and which states it yields, not its steps. From the level
    sigma_min on, sigma = 0 is reached by x0_hat, an error of order sigma_min^2.

    rtol and atol are raised to four roundings of the dtype of x. The worst example of a batch decides the step: an
    example depends on its batch within the tolerance. Each trial of a step looks at its error on the host.
    Raises ValueError for a tolerance or sigma_min that is not positive and for times that do not fall, ArithmeticError
    where no step is small enough.
    """
    if not (rtol > 0 and atol > 0 and sigma_min > 0):
        raise ValueError(f"ode: rtol, atol and sigma_min must be positive, got {rtol}, {atol} and {sigma_min}")
    floor = 4 * torch.finfo(x.dtype).eps
    rtol, atol = max(rtol, floor), max(atol, floor)
    wide = torch.promote_types(x.dtype, torch.float32)
    angles = torch.atan2(schedule.sigma(times), schedule.alpha(times)).tolist()
    if any(s >= t for t, s in pairwise(angles)):
        raise ValueError(f"ode: times must fall, got {times.tolist()}")
    clean = vanishes(schedule.sigma(times[-1]))

    def at(phi: float) -> Tensor:
        return schedule.time(-2 * torch.full_like(times[0], phi).tan().log()).clamp(max=times[0])

    def answer(y: Tensor, phi: float) -> Tensor:
        t = at(phi)
        return denoise((y * norm(schedule, t, y)).to(x.dtype), t).to(wide)

    def slope(y: Tensor, phi: float) -> Tensor:
        return (math.cos(phi) * y - answer(y, phi)) / math.sin(phi)

    y, phi, step = x.to(wide) / norm(schedule, times[0], x.to(wide)), angles[0], 0.05
    for i, s in enumerate(times[1:].unbind(), 1):
        last = clean and i == len(times) - 1
        y, step = _solve(slope, y, phi, min(phi, math.atan(sigma_min)) if last else angles[i], step, rtol, atol)
        phi = min(phi, math.atan(sigma_min)) if last else angles[i]
        y = answer(y, phi) if last else y
        yield State(s, (y * norm(schedule, s, y)).to(x.dtype))


def _solve(
    slope: Slope, y: Tensor, phi: float, end: float, step: float, rtol: float, atol: float
) -> tuple[Tensor, float]:
    """(y at `end` <= phi, the length of step to go on with)."""
    first = slope(y, phi) if phi > end else y
    while phi > end:
        length = min(step, phi - end)
        new, slopes = _trial(slope, y, phi, -length, first)
        gap = (sum(c * k for c, k in zip(DIFFERENCE, slopes, strict=True)) * length) / (
            atol + rtol * torch.maximum(y.abs(), new.abs())
        )
        error = float(gap.flatten(1).square().mean(1).max().sqrt() if gap.ndim > 1 else gap.abs().max())
        if error <= 1:
            y, first, phi = new, slopes[-1], end if length >= phi - end else phi - length
        factor = min(5.0, max(0.2, 0.9 * error**-0.2)) if 0 < error < math.inf else (5.0 if error == 0 else 0.2)
        step = length * factor if error > 1 or math.isnan(error) or length == step else max(step, length * factor)
        if not step > 1e-12:
            raise ArithmeticError(f"ode: no step is small enough at sigma / alpha = {math.tan(phi):.4g}")
    return y, step


def _trial(slope: Slope, y: Tensor, phi: float, h: float, first: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The result of fifth order of a step of length h, and the slopes of its seven stages, the last one at its end."""
    slopes, z = [first], y
    for node, row in zip(NODES[1:], INNER[1:], strict=True):
        z = y
        for weight, k in zip(row, slopes, strict=True):
            if weight != 0:
                z = torch.add(z, k, alpha=h * weight)
        slopes.append(slope(z, phi + node * h))
    return z, slopes
