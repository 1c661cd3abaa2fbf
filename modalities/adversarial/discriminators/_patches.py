"""Judges of patches (Isola et al. 2017, sec. 3.2.2): strided convolutions whose every output sees a part of x."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from modalities.adversarial.discriminators._judge import Judge, widths
from modalities.nn.options import at_least


def patches(
    view: Callable[[Tensor], Tensor], channels: int, *, rank: int, width: int, depth: int, classes: int
) -> Judge:
    """A stem, `depth` convolutions of kernel 4 and stride 2 along all `rank` axes, one of kernel 3."""
    conv: Any = nn.Conv3d if rank == 3 else nn.Conv2d
    sizes = widths(at_least("width", width, 1), at_least("depth", depth, 0))
    halvings = [conv(a, b, 4, stride=2, padding=1) for a, b in pairwise(sizes)]
    layers = [conv(channels, sizes[0], 3, padding=1), *halvings, conv(sizes[-1], sizes[-1], 3, padding=1)]
    return Judge(view, layers, sizes[-1], classes)


def whole(x: Tensor) -> Tensor:
    return x


def frames(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B*T, C, H, W)."""
    return x.transpose(1, 2).flatten(0, 1)


class Smaller:
    """(B, C, H, W) at 1/`factor` of its size, each pixel the mean of those that it stands for."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, self.factor, ceil_mode=True, count_include_pad=False) if self.factor > 1 else x
