"""From densities of real numbers to probabilities of stored integers, and to bits per dimension.

Integers k become x0 = a k + b in model space: neighbours are `width` apart (2 / 255 for bytes on [-1, 1]). The mass of
the bin around x0 is at least width^d exp E_u[log p(x0 + width (u - 1/2))] (Theis et al. 2016, eq. 5 to 7: Jensen), so
the density of uniformly dequantised data bounds the probability of the integers.
"""

import math

from torch import Tensor


def dequantise(x0: Tensor, u: Tensor, *, width: float) -> Tensor:
    """x0 (B, *event) at the centres of its bins, spread over them by u ~ U(0, 1) of the same shape."""
    if not width > 0:
        raise ValueError(f"dequantise: width must be positive, got {width}")
    return x0 + width * (u - 0.5)


def bits_per_dim(nats: Tensor, dims: int, *, width: float = 1.0) -> Tensor:
    """Bits per dimension from nats = -log p (B,) of events of `dims` numbers.

    `width` is that of the bins where p is a density of dequantised data, and 1 where p is a probability already (the
    `rounded_gaussian` decoder). Raises ValueError unless both are positive.
    """
    if not (dims >= 1 and width > 0):
        raise ValueError(f"bits_per_dim: needs dims >= 1 and width > 0, got {dims} and {width}")
    return (nats / dims - math.log(width)) / math.log(2)
