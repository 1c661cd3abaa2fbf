"""Low-pass along the last axis of a periodic signal (bandwidth extension): a projection, A = A^T = A^+."""

from dataclasses import dataclass

from torch import Tensor

from core.measurement import damped
from core.operators._circulant import filtered, frequencies


@dataclass(frozen=True)
class BandLimit:
    """Frequencies up to `cutoff` are kept, those above are lost: a share of the highest, half the sample rate.

    Raises ValueError outside of [0, 1].
    """

    cutoff: float = 0.5
    gram = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.cutoff <= 1:
            raise ValueError(f"operator band_limit: cutoff must lie in [0, 1], got {self.cutoff}")

    def __call__(self, x0: Tensor) -> Tensor:
        (f,) = frequencies(x0, (-1,))
        return filtered(x0, (2 * f <= self.cutoff).to(f), (-1,))

    def adjoint(self, y: Tensor) -> Tensor:
        return self(y)

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return damped(self(y), rho)


band_limit = BandLimit
