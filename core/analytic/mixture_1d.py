"""A mixture of Gaussians on the line, elementwise, with its distribution function and exact flow map."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedule import Denoise, Schedule, scales


@dataclass(frozen=True)
class Mixture1D:
    """On the line, with the exact flow map; `weight`, `mean`, `std` have shape (K,). Every method works on x of any
    shape elementwise: an event whose elements are independent draws."""

    weight: Tensor
    mean: Tensor
    std: Tensor

    def _at(self, schedule: Schedule, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """alpha and, with an axis (…, K) appended: x - alpha mean, marginal variance, log w N."""
        alpha, sigma = (s[..., None] for s in scales(schedule, t, x))
        gap = x[..., None] - alpha * self.mean
        var = (alpha * self.std) ** 2 + sigma**2
        return alpha, gap, var, self.weight.log() - (gap**2 / var + (2 * torch.pi * var).log()) / 2

    def log_density(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """log p_t(x) in nats, elementwise."""
        return self._at(schedule, x, t)[3].logsumexp(-1)

    def score(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """d log p_t / dx, elementwise."""
        _, gap, var, log_p = self._at(schedule, x, t)
        return -(log_p.softmax(-1) * gap / var).sum(-1)

    def denoise(self, schedule: Schedule) -> Denoise:
        """E[x0 | x_t] under `schedule`, elementwise."""

        def f(x: Tensor, t: Tensor) -> Tensor:
            alpha, gap, var, log_p = self._at(schedule, x, t)
            return (log_p.softmax(-1) * (self.mean + alpha * self.std**2 / var * gap)).sum(-1).to(x.dtype)

        return f

    def cdf(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """P(x_t <= x), elementwise."""
        _, gap, var, _ = self._at(schedule, x, t)
        return (self.weight * torch.special.ndtr(gap / var.sqrt())).sum(-1)

    def flow(self, schedule: Schedule, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Exact solution at s of the probability-flow ODE through (x, t): in 1-D it preserves the CDF."""
        level = self.cdf(schedule, x, t)
        lo, hi = torch.full_like(x, -1e4), torch.full_like(x, 1e4)
        for _ in range(80):
            mid = (lo + hi) / 2
            below = self.cdf(schedule, mid, s) < level
            lo, hi = torch.where(below, mid, lo), torch.where(below, hi, mid)
        return (lo + hi) / 2

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Independent draws of x0, one per element of `shape`."""
        n = torch.Size(shape).numel()
        k = torch.multinomial(self.weight, n, replacement=True, generator=generator).reshape(shape)
        return self.mean[k] + self.std[k] * torch.randn(shape, generator=generator, dtype=self.mean.dtype)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean () and variance () of x0."""
        mean = (self.weight * self.mean).sum()
        return mean, (self.weight * (self.std**2 + (self.mean - mean) ** 2)).sum()
