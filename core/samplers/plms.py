"""PLMS as in latent diffusion (Rombach et al. 2022; Liu et al. 2022b without Runge-Kutta): Adams-Bashforth on eps_hat.

first step   eps = (eps_t + eps_s) / 2, with eps_s at the end of a DDIM step: one call more
then         the weights of equal steps, of orders 2, 3 and 4
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


def plms(
    denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The step from alpha = 0, and one to sigma = 0, are DDIM steps."""
    weights, kept = equal_steps(schedule, times, 4)
    t, s = times[:1], times[1:2]
    start = transfers(schedule, x, times[:2], [(t, ()), (s, (1.0,))], (0.5, 0.5), ends(schedule, times[:2]))
    return multistep(denoise, x, times, weights, kept=kept, start=start)
