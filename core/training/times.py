"""How densely the training times lie in log-SNR: what a weighting per nat is divided by.

t = density(u, schedule) with u uniform, so log-SNR has the density 1 / |d lambda / du| at t, whatever the schedule and
the density are, and

    E_u[ |d lambda / du| w(lambda) error ]  =  int w(lambda) error d lambda          (Kingma & Gao 2023, sec. 3)

over the range that the density reaches. No density needs more than its quantile function for it.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from core.schedule import Schedule, rates

Density = Callable[[Tensor, Schedule], Tensor]
"""`density(u (B,), schedule) -> t (B,)`: the quantile function of the times, differentiable in u."""

Draws = Callable[..., Tensor]
"""`draws(n, generator, device, step) -> u (n,)`, see `core.draws`."""


class _InDraws:
    """A schedule as a function of u in the place of t."""

    def __init__(self, density: Density, schedule: Schedule) -> None:
        self.density, self.schedule = density, schedule

    def alpha(self, u: Tensor) -> Tensor:
        return self.schedule.alpha(self.density(u, self.schedule))

    def sigma(self, u: Tensor) -> Tensor:
        return self.schedule.sigma(self.density(u, self.schedule))


@torch.no_grad()
def nats_per_draw(density: Density, schedule: Schedule, u: Tensor) -> Tensor:
    """|d lambda / du| at u (B,) -> (B,): log-SNR passed per unit of probability.

    0 where the density stands still, at what it clamps to t_max, and where alpha = 0: a weight that falls as fast as
    the SNR, as every one per nat does, has nothing left there.
    """
    path = cast(Schedule, _InDraws(density, schedule))
    d_alpha, d_sigma = rates(path, u)
    slope = 2 * (d_sigma / path.sigma(u) - d_alpha / path.alpha(u))
    return slope.abs().nan_to_num(nan=0.0, posinf=0.0)
