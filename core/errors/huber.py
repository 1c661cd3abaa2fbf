"""Huber (1964): squares near zero, absolute values beyond, element by element.

    mean of r^2 where |r| <= delta, and of 2 delta |r| - delta^2 elsewhere,      r = sqrt(weight) residual

The minimiser is no longer the conditional mean but lies towards the median: for data with outliers, at a price.
"""

from dataclasses import dataclass

from torch import Tensor

from core.shapes import expand_like


@dataclass(frozen=True)
class Huber:
    """`error(residual (B, *event), weight (B,)) -> (B,)`. delta: where squares end, in weighted units.

    Raises ValueError unless delta > 0.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise ValueError(f"error huber: delta must be positive, got {self.delta}")

    def __call__(self, residual: Tensor, weight: Tensor) -> Tensor:
        r = (expand_like(weight.sqrt(), residual) * residual).abs()
        near = r.clamp(max=self.delta)
        return (near * (2 * r - near)).flatten(1).mean(1)  # r^2 within, 2 delta r - delta^2 beyond


huber = Huber
