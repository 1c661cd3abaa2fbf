"""The signal itself: with noise, the measurement of denoising."""

from dataclasses import dataclass

from torch import Tensor

from core.measurement import damped


@dataclass(frozen=True)
class Identity:
    """A = I on any shape."""

    gram = 1.0

    def __call__(self, x0: Tensor) -> Tensor:
        return x0

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return damped(y, rho)


identity = Identity
