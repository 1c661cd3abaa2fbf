"""Variance-exploding schedule with a geometric noise level (Song et al. 2021b, sec. 3.4 and app. C).

The paper's SDE dx = sigma_min r^t sqrt(2 ln r) dw, r = sigma_max / sigma_min, adds by time t the variance
sigma_min^2 (r^(2t) - 1); the paper then rounds it up to sigma_min^2 r^(2t). Here it is exact, so that t = 0 is clean.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class VE:
    """alpha = 1, sigma = sigma_min sqrt(r^(2t) - 1). sigma_min and sigma_max are levels, sigma(1) falls short of
    sigma_max by the square of their ratio."""

    sigma_min: float = 0.01
    sigma_max: float = 50.0
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.sigma_min < self.sigma_max and self.t_max > 0):
            raise ValueError(f"schedule ve: needs 0 < sigma_min < sigma_max and t_max > 0, got {self}")

    @property
    def _rate(self) -> float:
        return 2 * math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.sqrt(torch.expm1(self._rate * t))

    def time(self, log_snr: Tensor) -> Tensor:
        return torch.log1p(torch.exp(-log_snr) / self.sigma_min**2) / self._rate


ve = VE
