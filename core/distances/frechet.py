"""Fréchet distance of two Gaussians (Dowson & Landau 1982, eq. 4; Heusel et al. 2017, sec. 3).

    d = |m_a - m_b|^2 + Tr(A + B - 2 (A B)^(1/2))

The trace of the root is the sum of the square roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric and has
those of A B: exact for singular covariances too, and never complex. It is the squared Wasserstein-2 distance. An
estimate from n examples is too large by about C / n, with C of the network and of both distributions (Chong & Forsyth
2020, sec. 3): only distances of equal counts can be compared.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from core.distances.moments import Moments


class Gaussian(NamedTuple):
    """A mean (D,) and a covariance (D, D), float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, moments: Moments) -> "Gaussian":
        return cls(moments.mean, moments.covariance)


def frechet_distance(a: Gaussian, b: Gaussian, *, root: Tensor | None = None) -> float:
    """The squared distance, in squared units of the features. `root` is `square_root(a.covariance)` where it is known.

    Raises ValueError for Gaussians of different widths.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"frechet_distance: widths {len(a.mean)} and {len(b.mean)} differ")
    root = square_root(a.covariance) if root is None else root
    shared = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * shared
    return float((a.mean - b.mean).square().sum() + spread)


def square_root(covariance: Tensor) -> Tensor:
    """The symmetric root of a positive semi-definite matrix; eigenvalues that rounding made negative count as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
