"""Mean and covariance of a stream of rows, in float64 and in memory of D^2 numbers (Chan et al. 1983, eq. 2.1).

    n = n_a + n_b,   mean = mean_a + (n_b / n) d,   S = S_a + S_b + (n_a n_b / n) d d^T,   d = mean_b - mean_a

Sums of squares about the mean, never about zero, so that features far from the origin lose no digits. Parts of a stream
may be gathered in any order and by several processes, and merged.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass
class Moments:
    """`count` rows seen, their `mean` (D,) and `scatter` (D, D), the sum of the squares about it; on the CPU."""

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def empty(cls, width: int) -> Self:
        return cls(0, torch.zeros(width, dtype=torch.float64), torch.zeros(width, width, dtype=torch.float64))

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """The moments of rows (n, D), n >= 1."""
        rows = rows.detach().to("cpu", torch.float64)
        mean = rows.mean(0)
        apart = rows - mean
        return cls(len(rows), mean, apart.T @ apart)

    @property
    def width(self) -> int:
        return len(self.mean)

    @property
    def covariance(self) -> Tensor:
        """Unbiased, (D, D). Raises ValueError for fewer than two rows."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 examples, got {self.count}")
        return self.scatter / (self.count - 1)

    def add(self, rows: Tensor) -> None:
        """Take rows (n, D) in. Raises ValueError for rows of another width, or that are not finite."""
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"moments of width {self.width} got rows {tuple(rows.shape)}")
        if len(rows):
            part = Moments.of(rows)
            if not part.mean.isfinite().all():
                raise ValueError("the features of an example are not finite")
            self.merge(part)

    def merge(self, other: "Moments") -> None:
        """Take in what another one has seen."""
        total = self.count + other.count
        if not other.count:
            return
        apart = other.mean - self.mean
        self.scatter = self.scatter + other.scatter + torch.outer(apart, apart) * (self.count * other.count / total)
        self.mean = self.mean + apart * (other.count / total)
        self.count = total
