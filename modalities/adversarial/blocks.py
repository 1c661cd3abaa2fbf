"""What generator and critic are made of, for events of one to three axes: residual blocks without normalisation.

    x + conv2(act(conv1(act(x))))          act: leaky ReLU

(Huang et al. 2024). Statistics of a batch or a map would tie examples together, which the gradient penalty,
a property of one example, does not allow. In their place stands the start: conv2 is zero and conv1 scaled by the number
of blocks (Zhang et al. 2019, Fixup). A waveform is a map of height 1.
"""

import math
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
"""Of the leaky ReLU below zero."""

GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""Of a weight behind a leaky ReLU, so that the variance stays (He et al. 2015, eq. 15)."""


def act(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def axes(factor: int, rank: int) -> tuple[int, ...]:
    """The factor or kernel along each axis of a map or volume; a waveform has no height."""
    return (1, factor) if rank == 1 else (factor,) * rank


def conv(rank: int, channels: int, out_channels: int, kernel: int = 3, *, gain: float = 1.0) -> nn.Module:
    """A convolution that keeps the size, with weights N(0, gain^2 / fan_in); gain 0 starts it at zero."""
    taps = axes(kernel, rank)
    make: Any = nn.Conv3d if rank == 3 else nn.Conv2d
    layer = make(channels, out_channels, taps, padding=tuple(k // 2 for k in taps))
    nn.init.normal_(layer.weight, std=gain / math.sqrt(channels * math.prod(taps)))
    nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    """`count`: of such blocks in the network, by which its first convolution is scaled down."""

    def __init__(self, rank: int, channels: int, *, count: int) -> None:
        super().__init__()
        self.conv1 = conv(rank, channels, channels, gain=GAIN / math.sqrt(count))
        self.conv2 = conv(rank, channels, channels, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(act(self.conv1(act(x))))


def smaller(x: Tensor, factor: tuple[int, ...]) -> Tensor:
    """Means over windows, at 1/factor of each size; sizes that it does not divide are padded with zeros first."""
    padding = [(0, -size % f) for size, f in zip(x.shape[2:], factor, strict=True)]
    x = functional.pad(x, [n for pair in reversed(padding) for n in pair])
    pool: Any = functional.avg_pool3d if x.ndim == 5 else functional.avg_pool2d
    return pool(x, factor)


def larger(x: Tensor, factor: tuple[int, ...]) -> Tensor:
    """Linear interpolation to `factor` times each size."""
    return functional.interpolate(
        x, scale_factor=tuple(map(float, factor)), mode="trilinear" if x.ndim == 5 else "bilinear"
    )
