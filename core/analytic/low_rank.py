"""A Gaussian of low rank plus white noise, for events of thousands of numbers: no d x d matrix is ever formed.

    x0 = mean + F z + std n,     z ~ N(0, I_r),  n ~ N(0, I_d),     covariance F F^T + std^2 I

With the thin singular value decomposition F = U S V^T the marginal at any time is diagonal: variance
alpha^2 (S_i^2 + std^2) + sigma^2 along the r axes of U, alpha^2 std^2 + sigma^2 across them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from core.schedule import Denoise, Schedule, scales


@dataclass(frozen=True)
class LowRank:
    """On events of any shape: `mean` (*event), `factor` (r, *event), `std` >= 0. ValueError where these do not fit."""

    mean: Tensor
    factor: Tensor
    std: float

    def __post_init__(self) -> None:
        if self.factor.shape[1:] != self.mean.shape or not self.std >= 0:
            raise ValueError(
                f"LowRank: needs mean (*event), factor (r, *event) and std >= 0, got {tuple(self.mean.shape)}, "
                f"{tuple(self.factor.shape)} and {self.std}"
            )

    @cached_property
    def _axes(self) -> tuple[Tensor, Tensor]:
        """Variances (min(r, d),) of x0 along the axes, and the axes (d, min(r, d))."""
        axes, spread, _ = torch.linalg.svd(self.factor.flatten(1).T, full_matrices=False)
        return spread**2 + self.std**2, axes

    def _parts(self, schedule: Schedule, x: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        """alpha, sigma, and x - alpha mean (B, d) split into coordinates along the axes and the rest across them."""
        alpha, sigma = scales(schedule, t, x.flatten(1))
        gap = x.flatten(1) - alpha * self.mean.flatten()
        along = gap @ self._axes[1]
        return alpha, sigma, along, gap - along @ self._axes[1].T

    def _joined(self, x: Tensor, along: Tensor, across: Tensor) -> Tensor:
        return (along @ self._axes[1].T + across).reshape(x.shape)

    def log_density(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """log p_t(x) in nats: x (B, *event), t () or (B,) -> (B,)."""
        alpha, sigma, along, across = self._parts(schedule, x, t)
        var, rest = alpha**2 * self._axes[0] + sigma**2, (alpha * self.std) ** 2 + sigma**2
        left = self.mean.numel() - along.shape[1]  # axes without a factor: none where r >= d, and 0 log 0 is 0
        squares = (along**2 / var + var.log()).sum(-1)
        if left:
            squares = squares + ((across**2).sum(-1, keepdim=True) / rest + left * rest.log()).sum(-1)
        return -(squares + self.mean.numel() * math.log(2 * math.pi)) / 2

    def score(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """d log p_t / dx: x (B, *event), t () or (B,) -> (B, *event)."""
        return self._map(schedule, x, t, lambda variance, alpha, sigma: -1 / (alpha**2 * variance + sigma**2))

    def denoise(self, schedule: Schedule) -> Denoise:
        """E[x0 | x_t] under `schedule`, for x (B, *event)."""

        def wiener(variance: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
            return alpha * variance / (alpha**2 * variance + sigma**2)

        return lambda x, t: (self.mean + self._map(schedule, x, t, wiener)).to(x.dtype)

    def _map(
        self, schedule: Schedule, x: Tensor, t: Tensor, gain: Callable[[Tensor, Tensor, Tensor], Tensor]
    ) -> Tensor:
        """x - alpha mean, multiplied along every axis by `gain(variance of x0, alpha, sigma)`."""
        alpha, sigma, along, across = self._parts(schedule, x, t)
        rest = torch.as_tensor(self.std**2, dtype=along.dtype)
        return self._joined(x, gain(self._axes[0], alpha, sigma) * along, gain(rest, alpha, sigma) * across)

    def flow(self, schedule: Schedule, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Exact solution at s of the probability-flow ODE through (x, t): t and s () or (B,)."""
        alpha, sigma = scales(schedule, s, x.flatten(1))

        def grow(variance: Tensor, old_alpha: Tensor, old_sigma: Tensor) -> Tensor:
            return torch.sqrt((alpha**2 * variance + sigma**2) / (old_alpha**2 * variance + old_sigma**2))

        return alpha.reshape(alpha.shape[:1] + (1,) * (x.ndim - 1)) * self.mean + self._map(schedule, x, t, grow)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """`(n, *event)` independent draws of x0."""
        z = torch.randn(n, len(self.factor), generator=generator, dtype=self.mean.dtype)
        white = torch.randn(n, *self.mean.shape, generator=generator, dtype=self.mean.dtype)
        return self.mean + torch.tensordot(z, self.factor, 1) + self.std * white

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of every element of x0, both (*event)."""
        return self.mean, (self.factor**2).sum(0) + self.std**2
