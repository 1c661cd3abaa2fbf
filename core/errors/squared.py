"""The mean square: the error whose minimiser is E[x0 | x_t], which is what samplers and guidance ask for."""

from torch import Tensor


def squared(residual: Tensor, weight: Tensor) -> Tensor:
    """weight mean(residual^2): residual (B, *event), weight (B,) -> (B,)."""
    return weight * (residual**2).flatten(1).mean(1)
