"""The classic Runge-Kutta method (Kutta 1901) on the probability-flow ODE, in the time variable of the schedule.

    k1 = f(x, t)   k2 = f(x + dt k1 / 2, t + dt / 2)   k3 = f(x + dt k2 / 2, t + dt / 2)   k4 = f(x + dt k3, s)
    x_s = x + dt (k1 + 2 k2 + 2 k3 + k4) / 6

Four calls of the denoiser per step. A step that lands on sigma = 0 gives alpha x0_hat, see `euler`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._single_step import runge_kutta
from core.samplers._steps import vanishes
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 4
CALLS = 4


def rk4(
    denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called."""
    nodes, inner, outer = (0.0, 0.5, 0.5, 1.0), ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    clean = vanishes(schedule.sigma(times[-1]))
    step = runge_kutta(schedule, x, times[:-1], times[1:], nodes, inner, outer, clean=clean)
    for i, s in enumerate(times[1:].unbind()):
        x, _ = step(denoise, x, i)
        yield State(s, x)
