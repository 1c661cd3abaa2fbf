"""The video network: the image U-Net on every frame, with temporal convolution and attention between its blocks.

    forward(x (B, C, T, H, W), noise_label (B,), cond) -> (B, C, T, H, W)

Any T, H, W; T = 1 is a still image. cond {"label": (B,) int64, -1 is none; "stills": (B,) bool, frames of these
entries do not see each other, so that clips and heaps of still images train in one batch (Ho 2022, joint training)}.
The weights under `condition` and `unet` that are not temporal have the image network's names and shapes.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from modalities.nn.embedding import Condition
from modalities.nn.options import odd, per_level
from modalities.nn.temporal import Clip, Temporal
from modalities.nn.unet import UNet


class VideoUNet(nn.Module):
    """Spatial options as in `UNet`; `temporal_kernel` frames per temporal convolution (odd, 1: none) after every block,
    temporal attention at the levels of `temporal_attention` (None: where the spatial one is). Zero at the start."""

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int = 0,
        width: int = 64,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int | Sequence[int] = 2,
        attention: bool | Sequence[bool] = (False, False, True),
        temporal_attention: bool | Sequence[bool] | None = None,
        temporal_kernel: int = 3,
        head_channels: int = 32,
        patch: int = 1,
        factors: int | Sequence[int] = 2,
        kernel: int = 3,
        resampling: str = "learned",
        dropout: float = 0.0,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        chosen = attention if temporal_attention is None else temporal_attention
        over_time = per_level("temporal_attention", chosen, len(multipliers))
        taps = odd("temporal_kernel", temporal_kernel)

        def temporal(channels: int, level: int) -> nn.Module:
            attend = bool(over_time[level])
            return Temporal(channels, kernel=taps, attention=attend, head_channels=head_channels)

        self.condition = Condition(4 * width, classes)
        self.unet = UNet(
            rank=2,
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
            extra=temporal,
        )

    def forward(self, x: Tensor, noise_label: Tensor, cond: Mapping[str, Tensor] | None = None) -> Tensor:
        B, C, T, H, W = x.shape
        keep = None if cond is None or "stills" not in cond else cond["stills"].logical_not()
        condition = self.condition(noise_label, cond).repeat_interleave(T, dim=0)
        frames = x.transpose(1, 2).reshape(B * T, C, H, W)
        return self.unet(frames, condition, Clip(T, keep)).unflatten(0, (B, T)).transpose(1, 2)
