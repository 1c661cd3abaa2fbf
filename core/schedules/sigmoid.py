"""Variance-preserving schedule whose alpha^2 is a piece of a sigmoid (Jabri et al. 2023; Chen 2023, algorithm 1).

    alpha^2 = (S(end / tau) - S(x)) / (S(end / tau) - S(start / tau)),    x = (start + (end - start) t) / tau

with S the logistic function. The paper clips alpha^2 at 1e-9 at t = 1, where the rate of alpha is infinite; here t_max
stops short of it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sigmoid:
    """Differences of sigmoids as products, S(x) - S(y) = S(x) S(-y) (1 - e^(y - x)), so that neither end cancels.

    A smaller tau spends more time at either end; Jabri et al. use 0.9 for images.
    """

    start: float = -3.0
    end: float = 3.0
    tau: float = 1.0
    t_max: float = 1 - 1e-3

    def __post_init__(self) -> None:
        if not (self.start < self.end and self.tau > 0 and 0 < self.t_max < 1):
            raise ValueError(f"schedule sigmoid: needs start < end, tau > 0 and 0 < t_max < 1, got {self}")

    @property
    def _span(self) -> float:
        return (self.end - self.start) / self.tau

    @property
    def _share(self) -> float:
        """S(end / tau) (1 - e^-span): what sigma^2 is divided by."""
        return -math.expm1(-self._span) / (1 + math.exp(-self.end / self.tau))

    def _variance(self, t: Tensor) -> Tensor:
        return torch.sigmoid(self.start / self.tau + self._span * t) * -torch.expm1(-self._span * t) / self._share

    def alpha(self, t: Tensor) -> Tensor:
        low = math.expm1(-self._span) / (1 + math.exp(self.start / self.tau))
        noisy = torch.sigmoid(-self.start / self.tau - self._span * t) * torch.expm1(-self._span * (1 - t)) / low
        variance = self._variance(t)
        return torch.sqrt(torch.where(variance < 0.5, 1 - variance, noisy))  # exact at t = 0, and no loss near t = 1

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(self._variance(t))

    def time(self, log_snr: Tensor) -> Tensor:
        v = torch.sigmoid(-log_snr) * self._share  # sigma^2 solved for e^(x - start / tau) - 1
        grown = v * (1 + math.exp(-self.start / self.tau)) / (1 - v)
        return (torch.log1p(grown) / self._span).clamp(max=1)


sigmoid = Sigmoid
