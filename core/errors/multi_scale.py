"""Multi-scale loss (Hoogeboom et al. 2023): the square error of the residual and of its averages.

    sum over s = d, d/2, ..., coarsest of (d / s) weight mean(D_s[residual]^2),      D_s averages down to resolution s

the paper's sum of L^(s x s) / s, times d. White noise fades under averaging and structure does not, so that large
events learn their layout as well as their details. Averaging is linear: the minimiser stays E[x0 | x_t].
"""

from dataclasses import dataclass

from torch import Tensor

from core.errors.squared import squared


@dataclass(frozen=True)
class MultiScale:
    """`error(residual (B, C, *axes), weight (B,)) -> (B,)`. coarsest: least length of an averaged axis.

    All axes behind the channels are halved together, but for those that are odd or would fall below `coarsest`; the
    factor counts halvings. Raises ValueError unless coarsest >= 1.
    """

    coarsest: int = 32

    def __post_init__(self) -> None:
        if self.coarsest < 1:
            raise ValueError(f"error multi_scale: coarsest must be at least 1, got {self.coarsest}")

    def __call__(self, residual: Tensor, weight: Tensor) -> Tensor:
        total, factor = squared(residual, weight), 1
        while axes := [a for a in range(2, residual.ndim) if self._halves(residual.shape[a])]:
            for axis in axes:
                residual = residual.unflatten(axis, (-1, 2)).mean(axis + 1)
            factor *= 2
            total = total + factor * squared(residual, weight)
        return total

    def _halves(self, length: int) -> bool:
        return length % 2 == 0 and length // 2 >= self.coarsest


multi_scale = MultiScale
