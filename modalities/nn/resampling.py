"""Down and up between the levels of a U-Net, with the change of channels.

average: mean over each window, then 1x1; 1x1, then each pixel repeated.
learned: one dense map from a window to a pixel (a convolution whose kernel is its stride) and back.
The residual blocks that follow mix across the windows' borders.
"""

from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.convolution import conv, initialised
from modalities.nn.layout import Size


class AverageDown(nn.Module):
    def __init__(self, channels: int, out_channels: int, factor: Size) -> None:
        super().__init__()
        self.factor = factor
        self.project = conv(channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(functional.avg_pool2d(x, self.factor))


class AverageUp(nn.Module):
    def __init__(self, channels: int, out_channels: int, factor: Size) -> None:
        super().__init__()
        self.factor = (float(factor[0]), float(factor[1]))
        self.project = conv(channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(self.project(x), scale_factor=self.factor, mode="nearest")


def learned_down(channels: int, out_channels: int, factor: Size) -> nn.Module:
    return initialised(nn.Conv2d(channels, out_channels, factor, stride=factor), channels * factor[0] * factor[1])


def learned_up(channels: int, out_channels: int, factor: Size) -> nn.Module:
    return initialised(nn.ConvTranspose2d(channels, out_channels, factor, stride=factor), channels)


RESAMPLINGS = {"learned": (learned_down, learned_up), "average": (AverageDown, AverageUp)}
