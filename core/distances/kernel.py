"""Squared maximum mean discrepancy with a polynomial kernel, without bias (Gretton et al. 2012, eq. 3).

    k(x, y) = (x.y / D + 1)^3                                              (Bińkowski et al. 2018, sec. 4)
    d = mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i, j} k(a_i, b_j)

Its expectation is 0 where the distributions agree, at every count, so an estimate may be negative.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    value: float
    standard_error: float


def polynomial(x: Tensor, y: Tensor, *, degree: int = 3) -> Tensor:
    """k(x_i, y_j): (n, m) of rows (n, D) and (m, D)."""
    return (x @ y.T / x.shape[1] + 1) ** degree


def kernel_distance(a: Tensor, b: Tensor, *, degree: int = 3, groups: int = 20) -> Estimate:
    """From all pairs of a (n, D) and b (m, D): of all unbiased estimates that with the least variance.

    The standard error is the jackknife's over `groups` groups of each set, a two-sample statistic leaving out one group
    of one set at a time (Efron & Tibshirani 1993, ch. 11). Memory n m / groups. Raises ValueError for fewer than two
    examples per group.
    """
    a, b = (rows.to(torch.float64) for rows in (a, b))
    groups = min(groups, len(a) // 2, len(b) // 2)
    if groups < 2:
        raise ValueError(f"kernel_distance: needs at least 4 examples of each, got {len(a)} and {len(b)}")
    aa, bb = (_sums(x, x, groups, degree) for x in (a, b))
    ab = _sums(a, b, groups, degree)
    n, m = (torch.tensor([len(part) for part in x.tensor_split(groups)], dtype=torch.float64) for x in (a, b))
    value = _estimate(aa.sum(), bb.sum(), ab.sum(), n.sum(), m.sum())
    without_a = _estimate(_left_out(aa), bb.sum(), ab.sum() - ab.sum(1), n.sum() - n, m.sum())
    without_b = _estimate(aa.sum(), _left_out(bb), ab.sum() - ab.sum(0), n.sum(), m.sum() - m)
    variance = sum((groups - 1) * (x - x.mean()).square().mean() for x in (without_a, without_b))
    return Estimate(float(value), float(variance) ** 0.5)


def kernel_subsets(
    a: Tensor, b: Tensor, *, subsets: int = 100, size: int = 1000, degree: int = 3, generator: torch.Generator
) -> Tensor:
    """Estimates (subsets,) from `size` examples of each, drawn without replacement: their mean is KID as published.

    Their standard deviation is not the error of that mean: the subsets overlap. Raises ValueError for too few examples.
    """
    if not 2 <= size <= min(len(a), len(b)):
        raise ValueError(f"kernel_subsets: needs size 2 to {min(len(a), len(b))}, the smaller set, got {size}")
    a, b = (rows.to(torch.float64) for rows in (a, b))
    found = []
    for _ in range(subsets):
        x, y = (rows[torch.randperm(len(rows), generator=generator)[:size]] for rows in (a, b))
        xx, yy = (polynomial(z, z, degree=degree) for z in (x, y))
        n = torch.tensor(float(size), dtype=torch.float64)
        sums = xx.sum() - xx.trace(), yy.sum() - yy.trace(), polynomial(x, y, degree=degree).sum()
        found.append(_estimate(*sums, n, n))
    return torch.stack(found)


def _sums(x: Tensor, y: Tensor, groups: int, degree: int) -> Tensor:
    """Sums of the kernel over pairs of groups (groups, groups); of x with itself, without each row's own square."""
    found = torch.zeros(groups, groups, dtype=torch.float64)
    for g, part in enumerate(x.tensor_split(groups)):
        kernel = polynomial(part, y, degree=degree).sum(0)
        found[g] = torch.stack([columns.sum() for columns in kernel.tensor_split(groups)])
        if x is y:
            found[g, g] -= (part.square().sum(1) / x.shape[1] + 1).pow(degree).sum()
    return found


def _left_out(sums: Tensor) -> Tensor:
    """The total of symmetric `sums` without each group in turn."""
    return sums.sum() - 2 * sums.sum(1) + sums.diagonal()


def _estimate(aa: Tensor, bb: Tensor, ab: Tensor, n: Tensor, m: Tensor) -> Tensor:
    return aa / (n * (n - 1)) + bb / (m * (m - 1)) - 2 * ab / (n * m)
