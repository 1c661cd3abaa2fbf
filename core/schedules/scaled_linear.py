"""Variance-preserving schedule whose sqrt(beta) is linear (Rombach et al. 2022, released code), in continuous time.

A thousand steps of beta_t = 0.00085 ... 0.012, linear in the root, become beta(t) = 0.85 ... 12 on t in [0, 1], as
`linear` does with the steps of DDPM. It ends at the level 14.6: 7 % of x0 are left (Lin et al. 2024, table 1).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ScaledLinear:
    """alpha = exp(-B(t) / 2), sigma = sqrt(1 - alpha^2), B(t) = a^2 t + a d t^2 + d^2 t^3 / 3, the integral of
    beta = (a + d t)^2 with a = sqrt(beta_min) and a + d = sqrt(beta_max)."""

    beta_min: float = 0.85
    beta_max: float = 12.0
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.beta_min <= self.beta_max and self.t_max > 0):
            raise ValueError(f"schedule scaled_linear: needs 0 < beta_min <= beta_max and t_max > 0, got {self}")

    @property
    def _roots(self) -> tuple[float, float]:
        a = math.sqrt(self.beta_min)
        return a, math.sqrt(self.beta_max) - a

    def _integral(self, t: Tensor) -> Tensor:
        a, d = self._roots
        return t * (a**2 + t * (a * d + t * d**2 / 3))

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-self._integral(t) / 2)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._integral(t)))

    def time(self, log_snr: Tensor) -> Tensor:
        a, d = self._roots
        b = torch.nn.functional.softplus(-log_snr)  # B(t), since exp(-B) = sigmoid(log_snr)
        root = (a**3 + 3 * d * b) ** (1 / 3)  # sqrt(beta(t)), since B = (beta^(3/2) - a^3) / (3 d)
        return 3 * b / (root**2 + root * a + a**2)


scaled_linear = ScaledLinear
