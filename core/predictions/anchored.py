"""x0, but for the lowest levels, where it turns into the noise: so that without noise the denoiser returns x itself.

    target = (sigma x0 - alpha level^2 eps) / sqrt(alpha^2 level^2 + sigma^2)

That is x0 where sigma / alpha is well above `level`, and -level eps below. x0_hat has the skip connection of Karras et
al. 2022, eq. 7, with `level` in the place of sigma_data: p = alpha level^2 / (alpha^2 level^2 + sigma^2). Consistency
models need one (Song et al. 2023b, sec. 3), also where the network is too narrow for its patches to pass noise on.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Anchored:
    """`level`: sigma / alpha at which half of x0_hat is x. Raises ValueError unless it is positive."""

    level: float = 0.05

    def __post_init__(self) -> None:
        if not self.level > 0:
            raise ValueError(f"prediction anchored: level must be positive, got {self.level}")

    def __call__(self, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        norm = torch.hypot(alpha * self.level, sigma)
        return sigma / norm, -alpha * self.level**2 / norm


anchored = Anchored
