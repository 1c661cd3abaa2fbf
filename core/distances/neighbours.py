"""Fidelity and diversity by nearest neighbours: precision, recall, density and coverage.

B_k(x, X) is the ball around x that reaches to its k-th nearest neighbour in X.

    precision = mean_j [f_j in some B_k(r_i, R)]       recall   = mean_i [r_i in some B_k(f_j, F)]
    density   = mean_j #{i: f_j in B_k(r_i, R)} / k    coverage = mean_i [some f_j in B_k(r_i, R)]

of real r_i and drawn f_j: the first two by Kynkäänniemi et al. 2019, eq. 1 and 2 (k = 3), the others by Naeem et al.
2020, eq. 3 and 4 (k = 5). Density passes 1 where the samples crowd where the data do; coverage is about 1 - 2^-k where
two sets of one size have the same distribution. All four depend on both counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 1024
"""Rows whose distances to all others are held at once."""


class Fidelity(NamedTuple):
    """What each example contributes; the means are the metrics."""

    precision: Tensor
    """(n,) of the samples."""
    density: Tensor
    """(n,) of the samples."""
    recall: Tensor
    """(m,) of the real examples."""
    coverage: Tensor
    """(m,) of the real examples."""


def fidelity_and_diversity(fake: Tensor, real: Tensor, *, k: int = 3, k_density: int = 5) -> Fidelity:
    """Of samples (n, D) against real examples (m, D), float64; memory n + m and a block of distances.

    Raises ValueError where a set has too few examples to have k neighbours.
    """
    needed = max(k, k_density) + 1
    if min(len(fake), len(real)) < needed:
        raise ValueError(f"neighbours need at least {needed} examples of each, got {len(fake)} and {len(real)}")
    fake, real = fake.to(torch.float64), real.to(torch.float64)
    around_real, around_fake = radii(real, (k, k_density)), radii(fake, (k,))
    precision, density = [], []
    recalled = torch.zeros(len(real), dtype=torch.bool)
    nearest = torch.full((len(real),), torch.inf, dtype=torch.float64)
    for rows, apart in blocks(fake, real):
        precision.append((apart <= around_real[0]).any(1))
        density.append((apart <= around_real[1]).sum(1) / k_density)
        recalled |= (apart <= around_fake[0][rows, None]).any(0)
        nearest = torch.minimum(nearest, apart.amin(0))
    covered = nearest <= around_real[1]
    return Fidelity(
        torch.cat(precision).to(torch.float64),
        torch.cat(density).to(torch.float64),
        recalled.to(torch.float64),
        covered.to(torch.float64),
    )


def radii(x: Tensor, ks: tuple[int, ...]) -> list[Tensor]:
    """Squared distance of each row of x (n, D) to its k-th nearest other row, (n,) for each k."""
    found = []
    for rows, apart in blocks(x, x):
        apart[torch.arange(len(apart)), torch.arange(len(x))[rows]] = torch.inf
        found.append(apart.topk(max(ks), dim=1, largest=False).values)
    ordered = torch.cat(found)
    return [ordered[:, k - 1] for k in ks]


def blocks(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances of some rows of x to all of y, `BLOCK` rows at a time: which rows, and (rows, m)."""
    lengths = y.square().sum(1)
    for first in range(0, len(x), BLOCK):
        rows = slice(first, min(first + BLOCK, len(x)))
        some = x[rows]
        yield rows, torch.addmm(some.square().sum(1)[:, None] + lengths, some, y.T, alpha=-2).clamp_min_(0)


class Nearest:
    """The nearest rows to `queries` (n, D) in a stream of others: `index` (n, k) into the stream, `squared` (n, k)."""

    def __init__(self, queries: Tensor, k: int = 1) -> None:
        self.queries, self.seen = queries.to(torch.float64), 0
        self.squared = torch.full((len(queries), k), torch.inf, dtype=torch.float64)
        self.index = torch.full((len(queries), k), -1, dtype=torch.int64)

    def add(self, rows: Tensor) -> None:
        """Take in the next rows (m, D) of the stream."""
        k, numbers = self.index.shape[1], torch.arange(self.seen, self.seen + len(rows))
        self.seen += len(rows)
        for at, apart in blocks(self.queries, rows.to(torch.float64)):
            both = torch.cat([self.squared[at], apart], 1)
            index = torch.cat([self.index[at], numbers.expand(len(apart), -1)], 1)
            best = both.topk(k, dim=1, largest=False)
            self.squared[at], self.index[at] = best.values, index.gather(1, best.indices)
