"""PNDM (Liu et al. 2022b, algorithm 2): three steps of pseudo Runge-Kutta, then pseudo linear multistep (PLMS).

    step 1 to 3   eps_1 at (x_t, t), eps_2 and eps_3 halfway in time, eps_4 at s, each x by a DDIM transfer from x_t;
                  eps = (eps_1 + 2 eps_2 + 2 eps_3 + eps_4) / 6                                     four calls
    then          eps = (55 eps_t - 59 eps_-1 + 37 eps_-2 - 9 eps_-3) / 24                          one call

A DDIM transfer is exact in the level sigma / alpha; halfway and «equal steps» are meant in time. So the method is of
second order in time (their sec. 3.4), and of fourth along a path whose time is the level.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._adams_bashforth import equal_steps, transfers
from core.samplers._exponential import ends
from core.samplers._multistep import multistep
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 2
EVEN = True


def pndm(
    denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The step from alpha = 0, and one to sigma = 0, are DDIM steps."""
    weights, kept = equal_steps(schedule, times, 4)
    few = times[:4]
    t, s = few[:-1], few[1:]
    middle = (t + s) / 2
    stages = [(t, ()), (middle, (1.0,)), (middle, (0.0, 1.0)), (s, (0.0, 0.0, 1.0))]
    start = transfers(schedule, x, few, stages, (1 / 6, 1 / 3, 1 / 3, 1 / 6), ends(schedule, few))
    return multistep(denoise, x, times, weights, kept=kept, start=start)
