"""What was measured of a signal, and the algebra that every posterior solver needs of it:

    y = A(x0) + noise_std n,      n ~ N(0, I).

An operator A is a small frozen object (`core.operators`): a callable, differentiable, on x0 of any rank. A linear one
also has `adjoint` and the damped pseudo-inverse

    pinv(y, rho) = A^T (A A^T + rho I)^-1 y,      rho = 0: Moore and Penrose's,

which is all that solvers ask for: with rho = noise_std^2 / r^2 it is the gain of Kalman's filter for x0 ~ N(., r^2 I).
A non-linear one may have `project(x0, y)`, the signal nearest to x0 that it maps to y.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import torch
from torch import Tensor

from core.shapes import expand_like
from core.state import RandnLike

Operator = Callable[[Tensor], Tensor]
"""`operator(x0 (B, *event)) -> (B, *measured)`, differentiable, each example by itself."""


class Linear(Protocol):
    """An operator that is a matrix."""

    def __call__(self, x0: Tensor) -> Tensor: ...
    def adjoint(self, y: Tensor) -> Tensor:
        """A^T y: (B, *measured) -> (B, *event)."""
        ...

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        """A^T (A A^T + rho I)^-1 y: (B, *measured) -> (B, *event), for rho >= 0 a number, `()` or `(B,)`."""
        ...


def is_linear(operator: Operator) -> TypeGuard[Linear]:
    return hasattr(operator, "adjoint") and hasattr(operator, "pinv")


def name_of(operator: Operator) -> str:
    return type(operator).__name__ if not hasattr(operator, "__name__") else operator.__name__


def linear(operator: Operator, asker: str) -> Linear:
    """The operator itself; ValueError in the name of `asker` where it is not linear."""
    if not is_linear(operator):
        raise ValueError(f"{asker} needs a linear operator with adjoint and pinv, got {name_of(operator)}")
    return operator


def project(operator: Operator, x0: Tensor, y: Tensor) -> Tensor:
    """The signal nearest to x0 (B, *event) whose measurement is y, x0 + A^+ (y - A x0) where the operator is linear.

    Raises ValueError for an operator with neither `project` nor `pinv`.
    """
    if hasattr(operator, "project"):
        return operator.project(x0, y)
    if not is_linear(operator):
        raise ValueError(f"{name_of(operator)} has neither pinv nor project: no signal is known to fit its measurement")
    return (x0 + operator.pinv(y - operator(x0))).to(x0.dtype)


def in_range(operator: Operator, y: Tensor) -> Tensor:
    """A A^+ y for a linear operator, y for others: what is outside of its range says nothing about x0.

    It is what blanks the hidden part of a masked image. Of a composition only the last operator is asked.
    """
    operator = getattr(operator, "outer", operator)
    return operator(operator.pinv(y)) if is_linear(operator) else y


@dataclass(frozen=True)
class Measurement:
    """`y` (B, *measured), or (1, *measured) for one measurement of which many samples are drawn.

    Raises ValueError for a negative `noise_std`.
    """

    operator: Operator
    y: Tensor
    noise_std: float = 0.0

    def __post_init__(self) -> None:
        if not self.noise_std >= 0:
            raise ValueError(f"measurement: noise_std must not be negative, got {self.noise_std}")
        object.__setattr__(self, "y", in_range(self.operator, self.y))

    def residual(self, x0: Tensor) -> Tensor:
        """y - A(x0), (B, *measured)."""
        return self.y - self.operator(x0)

    def pull(self, x0: Tensor, variance: Tensor) -> Tensor:
        """E[x0 | y] - x0 for x0 ~ N(x0, variance I), (B, *event): K (y - A x0) with Kalman's gain K.

        `variance` > 0 is `()` or `(B,)` and may be infinite; without noise it plays no role. For a non-linear operator
        with `project` it is the way to the projection, shortened as the noise would shorten it where A = I.
        Raises as `project` does.
        """
        rho = self.noise_std**2 / variance
        if is_linear(self.operator):
            return self.operator.pinv(self.residual(x0), rho)
        return damped(project(self.operator, x0, self.y) - x0, rho)


def measure(
    operator: Operator, x0: Tensor, *, noise_std: float = 0.0, randn_like: RandnLike = torch.randn_like
) -> Measurement:
    """Measure x0 (B, *event): A(x0) + noise_std n. Without noise, `randn_like` is not called."""
    y = operator(x0)
    return Measurement(operator, y + noise_std * randn_like(y) if noise_std > 0 else y, noise_std)


def damped(y: Tensor, rho: Tensor | float, gram: Tensor | float = 1.0) -> Tensor:
    """y / (gram + rho), and 0 where both are: y (B, *measured), `gram` >= 0 the eigenvalues of A A^T."""
    if isinstance(rho, Tensor) and rho.ndim == 1:
        rho = expand_like(rho, y)
    total = gram + rho
    if isinstance(total, Tensor):
        return y * torch.where(total > 0, 1 / total, 0.0)
    return y / total if total > 0 else torch.zeros_like(y)
