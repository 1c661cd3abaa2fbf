"""Clipping: y = min(max(x0, -limit), limit). Not linear; the nearest signal that is clipped to y is known."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Clip:
    """`limit` > 0 in units of x0; ValueError otherwise."""

    limit: float = 0.5

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise ValueError(f"operator clip: limit must be positive, got {self.limit}")

    def __call__(self, x0: Tensor) -> Tensor:
        return x0.clamp(-self.limit, self.limit)

    def project(self, x0: Tensor, y: Tensor) -> Tensor:
        """y where it is inside, x0 but no closer to 0 than the limit where y was clipped."""
        upper, lower = x0.clamp(min=self.limit), x0.clamp(max=-self.limit)
        return torch.where(y >= self.limit, upper, torch.where(y <= -self.limit, lower, y)).to(x0.dtype)


clip = Clip
