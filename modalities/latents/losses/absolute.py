"""The mean absolute error, L1: of several plausible values it settles for one and not for their mean; edges stay."""

from torch import Tensor


def absolute(x_hat: Tensor, x0: Tensor) -> Tensor:
    """mean |x_hat - x0|: (B, *event) twice -> (B,)."""
    return (x_hat - x0).abs().flatten(1).mean(1)
