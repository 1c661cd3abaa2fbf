"""A schedule from any two functions of the user's.

    schedule = UserSchedule(alpha=lambda t: torch.cos(t), sigma=lambda t: torch.sin(t), t_max=1.57)

It is not among the schedules that a recipe can name: a recipe holds no functions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.monotone import time_by_search


@dataclass(frozen=True)
class UserSchedule:
    """`alpha` and `sigma` map times (any shape) to scales, elementwise, in torch functions (their rates come from
    forward-mode differentiation); time() is found by search.

    Raises ValueError unless alpha(0) = 1, sigma(0) = 0, both stay finite and not negative up to t_max, and
    sigma / alpha rises throughout: looked at in 2000 places. How near to t = 0 time() is exact depends on how the
    functions round there: sqrt(1 - alpha^2) loses its digits where `-expm1` keeps them.
    """

    alpha: Callable[[Tensor], Tensor]
    sigma: Callable[[Tensor], Tensor]
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.t_max < math.inf:
            raise ValueError(f"user schedule: t_max must be positive and finite, got {self.t_max}")
        share = torch.cat([torch.zeros(1), torch.logspace(-4, -2, 1000), torch.linspace(0.01, 1, 1000)[1:]]).double()
        t = share * self.t_max
        alpha, sigma = self.alpha(t), self.sigma(t)
        if alpha.shape != t.shape or sigma.shape != t.shape:
            shapes = f"{tuple(alpha.shape)} and {tuple(sigma.shape)}"
            raise ValueError(f"user schedule: alpha and sigma must be elementwise, got {shapes} for times (2000,)")
        if alpha[0] != 1 or sigma[0] != 0:
            raise ValueError(f"user schedule: needs alpha(0) = 1, sigma(0) = 0, got {alpha[0]:.4g} and {sigma[0]:.4g}")
        wrong = ~((alpha >= 0) & (sigma >= 0) & alpha.isfinite() & sigma.isfinite())
        if wrong.any():
            i = int(wrong.nonzero()[0])
            raise ValueError(
                f"user schedule: alpha and sigma must be finite and not negative, "
                f"got {alpha[i]:.4g} and {sigma[i]:.4g} at t = {t[i]:.4g}"
            )
        rising = torch.atan2(sigma, alpha).diff() <= 0
        if rising.any():
            i = int(rising.nonzero()[0])
            raise ValueError(
                f"user schedule: sigma / alpha must rise with t, it does not from t = {t[i]:.4g} to {t[i + 1]:.4g}"
            )

    def __repr__(self) -> str:
        names = (getattr(f, "__name__", type(f).__name__) for f in (self.alpha, self.sigma))
        return f"UserSchedule({', '.join(names)}, t_max={self.t_max})"  # no addresses: the same in every process

    def time(self, log_snr: Tensor) -> Tensor:
        return time_by_search(self, log_snr)
