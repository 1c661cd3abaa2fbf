"""Operators in a row: `compose(a, b, c)(x0) = a(b(c(x0)))`, for example a camera: a blur, then down-sampling.

A row of linear operators is linear. Its pseudo-inverse is exact in one step where the first that acts has orthogonal
rows, B B^T = c I, since then A B (A B)^T = c A A^T; else conjugate gradients solve the normal equations

    ((A B)^T A B + rho I) z = (A B)^T y,

which reach the least-norm solution also where rho = 0 (Hestenes & Stiefel 1952).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.measurement import Linear, Operator, is_linear
from core.operators.downsample import Downsample
from core.operators.grey import Grey
from core.operators.identity import Identity
from core.shapes import expand_like


@dataclass(frozen=True)
class Composed:
    """`outer(inner(x0))`, of which nothing but the forward map is known."""

    outer: Operator
    inner: Operator

    def __call__(self, x0: Tensor) -> Tensor:
        return self.outer(self.inner(x0))


@dataclass(frozen=True)
class ComposedLinear:
    """`outer(inner(x0))` of two linear operators; `iterations` of conjugate gradients at most."""

    outer: Linear
    inner: Linear
    iterations: int = 100

    def __call__(self, x0: Tensor) -> Tensor:
        return self.outer(self.inner(x0))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.adjoint(y))

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        if isinstance(self.inner, Identity | Downsample | Grey):
            return self.inner.adjoint(self.outer.pinv(y, rho / self.inner.gram)) / self.inner.gram

        def normal(z: Tensor) -> Tensor:
            damping = expand_like(rho, z) if isinstance(rho, Tensor) else rho
            return self.adjoint(self(z)) + damping * z

        wide = y.to(torch.promote_types(y.dtype, torch.float32))
        return conjugate_gradients(normal, self.adjoint(wide), self.iterations).to(y.dtype)


def compose(*operators: Operator) -> Operator:
    """The operators in a row, the last given acting first. Raises ValueError for none."""
    if not operators:
        raise ValueError("compose needs at least one operator, got none")

    def pair(outer: Operator, inner: Operator) -> Operator:
        both = is_linear(outer) and is_linear(inner)
        return ComposedLinear(outer, inner) if both else Composed(outer, inner)  # type: ignore[arg-type]

    return functools.reduce(pair, operators)


def conjugate_gradients(matrix: Callable[[Tensor], Tensor], b: Tensor, iterations: int) -> Tensor:
    """Solve `matrix(z) = b` for a symmetric positive semi-definite matrix, each example of (B, *any) by itself.

    Always `iterations` steps and no look at the residual, which would wait for the device; an example that has
    converged to rounding stands still.
    """

    def dot(a: Tensor, c: Tensor) -> Tensor:
        return expand_like((a * c).flatten(1).sum(1), b)

    z, r = torch.zeros_like(b), b
    p, size = r, dot(r, r)
    done = size * torch.finfo(b.dtype).eps ** 2
    for _ in range(iterations):
        q = matrix(p)
        curvature = dot(p, q)
        going = (size > done) & (curvature > 0)
        step = torch.where(going, size / torch.where(going, curvature, 1.0), 0.0)
        z, r = z + step * p, r - step * q
        new = dot(r, r)
        p = torch.where(going, r + new / torch.where(going, size, 1.0) * p, p)
        size = torch.where(going, new, size)
    return z
