"""Pseudo-Huber (Song & Dhariwal 2024, eq. 7; Charbonnier et al. 1997): a smooth Huber on the norm of the whole event.

    2 delta (sqrt(m + delta^2) - delta),      m = weight mean(residual^2)

The paper's sqrt(|r|^2 + c^2) - c with c = delta sqrt(d), times the constant 2 delta / sqrt(d): m where the error is
small, 2 delta sqrt(m) where it is large. As with Huber, the minimiser is not the conditional mean.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors.squared import squared


@dataclass(frozen=True)
class PseudoHuber:
    """`error(residual (B, *event), weight (B,)) -> (B,)`. delta: root mean square at which it turns; the paper's
    c = 0.00054 sqrt(d) is delta = 0.00054. Raises ValueError unless delta > 0."""

    delta: float = 0.1

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise ValueError(f"error pseudo_huber: delta must be positive, got {self.delta}")

    def __call__(self, residual: Tensor, weight: Tensor) -> Tensor:
        m = squared(residual, weight)
        return 2 * self.delta * m / (torch.sqrt(m + self.delta**2) + self.delta)  # no difference of near-equal roots


pseudo_huber = PseudoHuber
