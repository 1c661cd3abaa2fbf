"""The residual block of the U-Net (Ho 2020; scale and shift by the condition as Dhariwal & Nichol 2021).

    x + conv2(dropout(silu(modulated(conv1(silu(norm(x))), condition))))

conv2 starts at zero, so the block starts as the identity (or its 1x1 projection where the channels change).
"""

from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.convolution import conv, linear
from modalities.nn.layout import Size
from modalities.nn.norm import Norm, modulated


class Residual(nn.Module):
    def __init__(self, channels: int, out_channels: int, condition: int, *, kernel: Size, dropout: float) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} must be in [0, 1)")
        self.dropout = dropout
        self.norm = Norm(channels)
        self.conv1 = conv(channels, out_channels, kernel)
        self.modulation = linear(condition, 2 * out_channels, zero=True)
        self.conv2 = conv(out_channels, out_channels, kernel, zero=True)
        self.project = conv(channels, out_channels) if channels != out_channels else None

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = self.conv1(functional.silu(self.norm(x)))
        y = functional.silu(modulated(y, self.modulation(condition)))
        y = self.conv2(functional.dropout(y, self.dropout, self.training))
        return y + (x if self.project is None else self.project(x))
