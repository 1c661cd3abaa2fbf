"""The mean square error: the log-likelihood of a Gaussian decoder, so the one for a VAE with a prior to draw from."""

from torch import Tensor


def squared(x_hat: Tensor, x0: Tensor) -> Tensor:
    """mean (x_hat - x0)^2: (B, *event) twice -> (B,)."""
    return (x_hat - x0).square().flatten(1).mean(1)
