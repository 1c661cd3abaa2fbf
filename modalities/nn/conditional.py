"""A U-Net with its condition: the network of images, spectrograms (rank 2) and waveforms (rank 1).

forward(x (B, C, *size), noise_label (B,), cond) -> (B, C, *size)         cond {"label": (B,) int64, -1 is none}
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from modalities.nn.embedding import Condition
from modalities.nn.unet import UNet


class ConditionalUNet(nn.Module):
    """Options as in `UNet`; classes=0 has no label. The output is exactly zero at the start."""

    rank = 2

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int = 0,
        width: int = 64,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int | Sequence[int] = 2,
        attention: bool | Sequence[bool] = (False, False, True),
        head_channels: int = 32,
        patch: int = 1,
        factors: int | Sequence[int] = 2,
        kernel: int = 3,
        resampling: str = "learned",
        dropout: float = 0.0,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.condition = Condition(4 * width, classes)
        self.unet = UNet(
            rank=self.rank,
            in_channels=in_channels,
            condition=4 * width,
            width=width,
            multipliers=multipliers,
            blocks=blocks,
            attention=attention,
            head_channels=head_channels,
            patch=patch,
            factors=factors,
            kernel=kernel,
            resampling=resampling,
            dropout=dropout,
            checkpoint=checkpoint,
        )

    def forward(self, x: Tensor, noise_label: Tensor, cond: Mapping[str, Tensor] | None = None) -> Tensor:
        condition = self.condition(noise_label, cond)
        if self.rank == 1:
            return self.unet(x.unsqueeze(2), condition).squeeze(2)
        return self.unet(x, condition)
