"""The Charbonnier error (Charbonnier et al. 1997; Lai et al. 2017, eq. 3): L1, with a gradient that fades near zero.

mean sqrt((x_hat - x0)^2 + epsilon^2) - epsilon
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Charbonnier:
    """epsilon: the residual, in units of x0, below which squares begin. Raises ValueError unless it is positive."""

    epsilon: float = 0.01

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise ValueError(f"loss charbonnier: epsilon must be positive, got {self.epsilon}")

    def __call__(self, x_hat: Tensor, x0: Tensor) -> Tensor:
        square = (x_hat - x0).square()
        return ((square + self.epsilon**2).sqrt() - self.epsilon).flatten(1).mean(1)


charbonnier = Charbonnier
