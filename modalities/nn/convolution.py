"""Convolution on maps (N, C, H, W) that keeps their size, and the one rule by which weights start."""

import math
from typing import TypeVar

from torch import nn

from modalities.nn.layout import Size

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def initialised(layer: Layer, fan_in: int) -> Layer:
    """Weights N(0, 1/fan_in), so that the output has the variance of the input; exactly zero where fan_in is 0."""
    if fan_in:
        nn.init.normal_(layer.weight, std=1 / math.sqrt(fan_in))
    else:
        nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def conv(channels: int, out_channels: int, kernel: Size = (1, 1), *, zero: bool = False) -> nn.Conv2d:
    """A convolution with an odd kernel, padded with zeros so that height and width stay."""
    fan_in = 0 if zero else channels * kernel[0] * kernel[1]
    padding = (kernel[0] // 2, kernel[1] // 2)
    return initialised(nn.Conv2d(channels, out_channels, kernel, padding=padding), fan_in)


def linear(channels: int, out_channels: int, *, zero: bool = False) -> nn.Linear:
    return initialised(nn.Linear(channels, out_channels), 0 if zero else channels)
