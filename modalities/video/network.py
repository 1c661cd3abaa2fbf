"""The video network: the image U-Net on every frame, with temporal convolution and attention between its blocks.

    forward(x (B, C, T, H, W), noise_label (B,), cond) -> (B, answers C, T, H, W)

Any T, H, W; T = 1 is a still image. cond {"label": (B,) int64, -1 is none; NAME: the rows of conditions[NAME];
"stills": (B,) bool, frames of these entries do not see each other, so that clips and heaps of still images train in one
batch (Ho 2022, joint training)}. All frames of a clip attend to its tokens; a signal is a clip itself.
With `temporal_patch` so many frames at a time are one map of as many times the channels (the tubes of Arnab 2021,
«ViViT»): less work where neighbours are alike. Its frames always see each other, so there are no stills among clips.
The weights under `condition` and `unet` that are not temporal have the image network's names and, without
`temporal_patch`, shapes.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from core.condition import Condition
from modalities.condition import Condition as Kind
from modalities.nn.concat import Beside, beside
from modalities.nn.conditional import entrances
from modalities.nn.conditions import Conditions, Entering
from modalities.nn.embedding import Condition as Embedding
from modalities.nn.layout import fold_time, unfold_time
from modalities.nn.options import at_least, odd, per_level
from modalities.nn.shape import ClipShape
from modalities.nn.temporal import Clip, Temporal
from modalities.nn.unet import UNet


class VideoUNet(nn.Module):
    """`options` are the fields of `Options`. The output is exactly zero at the start.

    answers: how many tensors like x it gives, one after the other along the channels; 2 for `core.learned_variance`.
    jumps: whether it is told how far a step goes, noise_label (B, 2), as `core.losses.mean_flow` does.
    """

    Options = ClipShape

    def __init__(
        self,
        *,
        in_channels: int,
        answers: int = 1,
        jumps: bool = False,
        classes: int = 0,
        conditions: Mapping[str, Kind] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        shape = self.Options(**options)
        width = 4 * shape.width
        chosen = shape.attention if shape.temporal_attention is None else shape.temporal_attention
        over_time = per_level("temporal_attention", chosen, len(shape.multipliers))
        taps = odd("temporal_kernel", shape.temporal_kernel)

        def temporal(channels: int, level: int) -> nn.Module:
            attend = bool(over_time[level])
            return Temporal(channels, kernel=taps, attention=attend, head_channels=shape.head_channels)

        self.condition = Embedding(width, classes, jumps=jumps)
        self.conditions = Conditions(conditions, width) if conditions else None
        self.temporal_patch = patch = at_least("temporal_patch", shape.temporal_patch, 1)
        enter = entrances(self.conditions, width)
        enter |= {name: patch * channels for name, channels in enter.items() if name in Beside._fields}
        self.unet = UNet(
            shape,
            rank=2,
            in_channels=patch * in_channels,
            out_channels=answers * patch * in_channels,
            condition=width,
            extra=temporal,
            **enter,
        )

    def forward(self, x: Tensor, noise_label: Tensor, cond: Condition = None) -> Tensor:
        B, T, patch = x.shape[0], x.shape[2], self.temporal_patch
        keep = None if cond is None or "stills" not in cond else cond["stills"].logical_not()
        if keep is not None and patch > 1:
            raise ValueError(f"network.temporal_patch={patch} folds frames together, which stills must not be")
        entering = Entering() if self.conditions is None else self.conditions(cond, B)
        signals = Beside(*(s if s is None else self._maps(s) for s in beside(entering.signals, x, self.unet.patch[1])))
        clip = Clip(-(-T // patch), keep)
        condition = self.condition(noise_label, cond, entering.embedding).repeat_interleave(clip.frames, dim=0)
        y = self.unet(self._maps(x), condition, clip, entering.tokens, signals)
        y = y.unflatten(0, (B, clip.frames)).transpose(1, 2)
        return unfold_time(y, patch)[:, :, :T]

    def _maps(self, x: Tensor) -> Tensor:
        return frames(fold_time(x, self.temporal_patch))


def frames(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B*T, C, H, W), the frames of a clip one after the other."""
    return x.transpose(1, 2).flatten(0, 1)
