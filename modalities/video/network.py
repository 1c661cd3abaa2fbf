"""The video network: the image U-Net on every frame, with temporal convolution and attention between its blocks.

    forward(x (B, C, T, H, W), noise_label (B,), cond) -> (B, C, T, H, W)

Any T, H, W; T = 1 is a still image. cond {"label": (B,) int64, -1 is none; "stills": (B,) bool, frames of these
entries do not see each other, so that clips and heaps of still images train in one batch (Ho 2022, joint training)}.
The weights under `condition` and `unet` that are not temporal have the image network's names and shapes.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from modalities.nn.embedding import Condition
from modalities.nn.options import odd, per_level
from modalities.nn.shape import ClipShape
from modalities.nn.temporal import Clip, Temporal
from modalities.nn.unet import UNet


class VideoUNet(nn.Module):
    """`options` are the fields of `Options`. The output is exactly zero at the start."""

    Options = ClipShape

    def __init__(self, *, in_channels: int, classes: int = 0, **options: Any) -> None:
        super().__init__()
        shape = self.Options(**options)
        chosen = shape.attention if shape.temporal_attention is None else shape.temporal_attention
        over_time = per_level("temporal_attention", chosen, len(shape.multipliers))
        taps = odd("temporal_kernel", shape.temporal_kernel)

        def temporal(channels: int, level: int) -> nn.Module:
            attend = bool(over_time[level])
            return Temporal(channels, kernel=taps, attention=attend, head_channels=shape.head_channels)

        self.condition = Condition(4 * shape.width, classes)
        self.unet = UNet(shape, rank=2, in_channels=in_channels, condition=4 * shape.width, extra=temporal)

    def forward(self, x: Tensor, noise_label: Tensor, cond: Mapping[str, Tensor] | None = None) -> Tensor:
        B, C, T, H, W = x.shape
        keep = None if cond is None or "stills" not in cond else cond["stills"].logical_not()
        condition = self.condition(noise_label, cond).repeat_interleave(T, dim=0)
        frames = x.transpose(1, 2).reshape(B * T, C, H, W)
        return self.unet(frames, condition, Clip(T, keep)).unflatten(0, (B, T)).transpose(1, 2)
