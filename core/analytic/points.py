"""A discrete set of points: the empirical distribution of a data set, which a network of unlimited size would learn.

    p_t(x) = sum_i w_i N(x; alpha x_i, sigma^2 I)
    x0_hat = sum_i softmax_i(log w_i - |x - alpha x_i|^2 / 2 sigma^2) x_i

The points are passed through in batches, with a running softmax, so that memory is bounded by the batch, never by
queries times points. Distances are taken in float64: their halves cancel where sigma is small.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ode import flow
from core.schedule import Denoise, Schedule, scales


@dataclass(frozen=True)
class Points:
    """`points` (N, *event); `weight` (N,) summing to 1, equal where None; `batch` points at a time.

    Raises ValueError for weights of another length and for batch < 1.
    """

    points: Tensor
    weight: Tensor | None = None
    batch: int = 4096

    def __post_init__(self) -> None:
        if self.batch < 1 or (self.weight is not None and self.weight.shape != self.points.shape[:1]):
            given = None if self.weight is None else tuple(self.weight.shape)
            raise ValueError(f"Points: needs weight ({len(self.points)},) and batch >= 1, got {given} and {self.batch}")

    @property
    def _log_weight(self) -> Tensor:
        if self.weight is None:
            return torch.full(self.points.shape[:1], -math.log(len(self.points))).to(self.points.device, torch.float64)
        return self.weight.to(torch.float64).log()

    def _reduce(self, schedule: Schedule, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) log of sum_i w_i exp(-|x - alpha x_i|^2 / 2 sigma^2), and (B, d) the mean of x_i under its terms."""
        query = x.flatten(1).to(torch.float64)
        alpha, sigma = scales(schedule, t.to(torch.float64), query)
        # at sigma = 0 the nearest point takes all; dividing by 0 would leave no number
        twice = 2 * (sigma**2).clamp_min(1e-150)
        norm, mean = torch.full(x.shape[:1], -math.inf).to(query), torch.zeros_like(query)
        for some, log_w in zip(self.points.split(self.batch), self._log_weight.split(self.batch), strict=True):
            p = some.flatten(1).to(torch.float64)
            squares = (query**2).sum(1, keepdim=True) - 2 * alpha * (query @ p.T) + alpha**2 * (p**2).sum(1)
            logits = log_w - squares.clamp_min(0) / twice
            total = torch.logaddexp(norm, logits.logsumexp(1))
            mean = (norm - total).exp()[:, None] * mean + (logits - total[:, None]).exp() @ p
            norm = total
        return norm, mean

    def log_density(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """log p_t(x) in nats, for sigma(t) > 0: x (B, *event), t () or (B,) -> (B,)."""
        sigma = schedule.sigma(t.to(torch.float64))
        d = x[0].numel()
        return (self._reduce(schedule, x, t)[0] - d * (sigma.log() + math.log(2 * math.pi) / 2)).to(x.dtype)

    def score(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """d log p_t / dx, for sigma(t) > 0: x (B, *event), t () or (B,) -> (B, *event)."""
        alpha, sigma = scales(schedule, t.to(torch.float64), x)
        x0 = self._reduce(schedule, x, t)[1].reshape(x.shape)
        return ((alpha * x0 - x) / sigma**2).to(x.dtype)

    def denoise(self, schedule: Schedule) -> Denoise:
        """E[x0 | x_t] under `schedule`, for x (B, *event); at sigma = 0 the nearest point."""
        return lambda x, t: self._reduce(schedule, x, t)[1].reshape(x.shape).to(x.dtype)

    def flow(self, schedule: Schedule, x: Tensor, t: Tensor, s: Tensor, *, tolerance: float = 1e-10) -> Tensor:
        """Solution at s of the probability-flow ODE through (x, t), x (B, *event), t and s () with sigma(t) > 0.

        Integrated to `tolerance` per step (see `core.ode.flow`). At s = 0 nearly every x arrives at a point.
        """
        return flow(self.denoise(schedule), schedule, x, t, s, tolerance=tolerance)

    def posterior(self, log_likelihood: Tensor) -> "Points":
        """p(x0 | y) for any observation whatever, linear or not, from log p(y | x_i) (N,), up to a constant."""
        if log_likelihood.shape != self.points.shape[:1]:
            raise ValueError(
                f"posterior: needs log_likelihood ({len(self.points)},), got {tuple(log_likelihood.shape)}"
            )
        return Points(self.points, (self._log_weight + log_likelihood).softmax(0), self.batch)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """`(n, *event)` independent draws of x0."""
        return self.points[torch.multinomial(self._log_weight.exp(), n, replacement=True, generator=generator)]

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of every element of x0, both (*event)."""
        weight = self._log_weight.exp().to(self.points.dtype)
        mean = torch.tensordot(weight, self.points, 1)
        return mean, torch.tensordot(weight, (self.points - mean) ** 2, 1)
