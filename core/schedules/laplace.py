"""Variance-preserving schedule under which the log-SNR of a uniform time is Laplace-distributed (Hang et al. 2024).

    lambda(t) = mean - scale sgn(1/2 - t) ln(1 - 2 |t - 1/2|)

Half of all times lie within scale ln 2 of `mean`, where the paper finds the most to learn. Both ends are infinitely far
away in log-SNR, so t_max stops at the last number below 1 that float32 can hold: at scale 0.5 that is the level 54.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Laplace:
    """alpha^2 = sigmoid(lambda(t)), sigma^2 = sigmoid(-lambda(t)); `mean` and `scale` in nats of log-SNR."""

    mean: float = 0.0
    scale: float = 0.5
    t_max: float = 1 - 2**-24

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and self.scale > 0 and 0.5 < self.t_max < 1):
            raise ValueError(f"schedule laplace: needs a finite mean, scale > 0 and 0.5 < t_max < 1, got {self}")

    def _log_snr(self, t: Tensor) -> Tensor:
        return self.mean + self.scale * torch.where(t < 0.5, -torch.log(2 * t), torch.log(2 - 2 * t))

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sqrt(torch.sigmoid(self._log_snr(t)))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(torch.sigmoid(-self._log_snr(t)))

    def time(self, log_snr: Tensor) -> Tensor:
        away = (log_snr - self.mean) / self.scale
        tail = torch.exp(-away.abs()) / 2
        return torch.where(away > 0, tail, 1 - tail)


laplace = Laplace
