"""A U-Net with its condition: the network of images, spectrograms (rank 2) and waveforms (rank 1).

forward(x (B, C, *size), noise_label (B,), cond) -> (B, C, *size)         cond {"label": (B,) int64, -1 is none}
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from modalities.nn.embedding import Condition
from modalities.nn.shape import Shape
from modalities.nn.unet import UNet


class ConditionalUNet(nn.Module):
    """`options` are the fields of `Options`; classes=0 has no label. The output is exactly zero at the start."""

    Options: ClassVar[type[Shape]] = Shape
    rank: ClassVar[int] = 2

    def __init__(self, *, in_channels: int, classes: int = 0, **options: Any) -> None:
        super().__init__()
        shape = self.Options(**options)
        self.condition = Condition(4 * shape.width, classes)
        self.unet = UNet(shape, rank=self.rank, in_channels=in_channels, condition=4 * shape.width)

    def forward(self, x: Tensor, noise_label: Tensor, cond: Mapping[str, Tensor] | None = None) -> Tensor:
        condition = self.condition(noise_label, cond)
        if self.rank == 1:
            return self.unet(x.unsqueeze(2), condition).squeeze(2)
        return self.unet(x, condition)
