"""The last step of a variational bound: log p(x0 | x_1) of every element, given the mean and its standard deviation."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Decoder = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`decoder(x0, mean, std) -> log p(x0 | x_1)` in nats, elementwise: x0 and mean (B, *event), std broadcastable."""


def gaussian(x0: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The log density of N(mean, std^2): for data that are real numbers, and for dequantised ones."""
    return -(((x0 - mean) / std) ** 2) / 2 - std.log() - math.log(2 * math.pi) / 2


def rounded_gaussian(
    x0: Tensor, mean: Tensor, std: Tensor, *, width: float = 2 / 255, low: float = -1.0, high: float = 1.0
) -> Tensor:
    """Log of the mass that N(mean, std^2) gives to the bin of x0 (Ho et al. 2020, eq. 13).

    Levels are `width` apart from `low` to `high`; the outermost bins reach to infinity, so that the masses of all
    levels sum to one. Taken from the tails (log ndtr), it stays finite hundreds of standard deviations away.
    """
    gap, half = (x0 - mean).abs(), width / 2  # the mass is even in the gap but at the ends
    upper, lower = -(gap - half) / std, -(gap + half) / std
    upper, lower = torch.special.log_ndtr(upper), torch.special.log_ndtr(lower)
    apart = (lower - upper).clamp(max=-torch.finfo(upper.dtype).tiny)  # log 0 would have no gradient
    inside = upper + torch.log(-torch.expm1(apart))
    first = torch.special.log_ndtr((x0 + half - mean) / std)
    last = torch.special.log_ndtr(-(x0 - half - mean) / std)
    return torch.where(x0 < low + half, first, torch.where(x0 > high - half, last, inside))
