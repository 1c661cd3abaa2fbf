"""Cauchy (Lorentzian) error of the whole event: quadratic near zero, logarithmic beyond.

    delta^2 log(1 + m / delta^2),      m = weight mean(residual^2)

Its gradient is that of m / (m + delta^2) with the denominator held fixed, times delta^2: the adaptive weight with p = 1
of Geng et al. 2025, sec. 4.3, under which examples with a large error count no more than others.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors.squared import squared


@dataclass(frozen=True)
class Cauchy:
    """`error(residual (B, *event), weight (B,)) -> (B,)`. delta: root mean square at which it turns; the paper's
    c = 0.001 of the squared norm is delta^2 = 0.001 / d. Raises ValueError unless delta > 0."""

    delta: float = 0.1

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise ValueError(f"error cauchy: delta must be positive, got {self.delta}")

    def __call__(self, residual: Tensor, weight: Tensor) -> Tensor:
        return self.delta**2 * torch.log1p(squared(residual, weight) / self.delta**2)


cauchy = Cauchy
