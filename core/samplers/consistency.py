"""Multistep consistency sampling (Song et al. 2023b, algorithm 1), for a model that maps x_t to the end of its path.

    x_s = alpha_s f(x_t, t) + sigma_s z

f is a consistency function: on the path of the probability-flow ODE through (x, t), its value at t = 0. Every state is
then exact in distribution, from one step on. With an ordinary denoiser in its place, x0_hat is a mean and not a sample,
and what comes out is too smooth however many the steps: ORDER 0.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._sde import draws
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 0
CALLS = 1


def consistency(
    denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Iterator[State]:
    """`denoise` is the consistency function. A step that lands on sigma = 0 adds no noise."""
    noisy, at = draws(schedule, times, on=True), times.unbind()
    for i, weights in enumerate(per_step(x, schedule.alpha(times[1:]), schedule.sigma(times[1:]))):
        x0 = denoise(x, at[i])
        x = combine(weights, [x0, randn_like(x)] if i < noisy else [x0])
        yield State(at[i + 1], x)
