"""P2, perception-prioritised weighting (Choi et al. 2022, eq. 8): the eps objective over (k + SNR)^gamma.

    w = SNR / (k + SNR)^gamma

It takes weight from the clean end, whose errors nobody sees. gamma = 0 is `simple`; k = gamma = 1 is the plain error of
x0 times alpha^2 on a variance-preserving schedule.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class P2:
    """`weighting(log_snr (B,)) -> (B,)`. Raises ValueError unless k > 0 and gamma >= 0."""

    gamma: float = 1.0
    k: float = 1.0

    def __post_init__(self) -> None:
        if not (self.k > 0 and self.gamma >= 0):
            raise ValueError(f"weighting p2: needs k > 0 and gamma >= 0, got {self.k} and {self.gamma}")

    def __call__(self, log_snr: Tensor) -> Tensor:
        total = torch.logaddexp(log_snr, torch.full_like(log_snr, math.log(self.k)))  # logarithms do not overflow
        return (log_snr - self.gamma * total).exp()


p2 = P2
