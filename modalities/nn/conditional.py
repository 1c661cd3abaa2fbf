"""A U-Net with its conditions: the network of images, spectrograms (rank 2) and waveforms (rank 1).

forward(x (B, C, *size), noise_label (B,), cond) -> (B, answers C, *size)         cond: see `core.condition`, and below
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from core.condition import Condition
from modalities.condition import Condition as Kind
from modalities.nn.concat import Beside, beside
from modalities.nn.conditions import Conditions, Entering
from modalities.nn.embedding import Condition as Embedding
from modalities.nn.shape import Shape
from modalities.nn.unet import UNet


class ConditionalUNet(nn.Module):
    """`options` are the fields of `Options`; classes=0 has no label. The output is exactly zero at the start.

    answers: how many tensors like x it gives, one after the other along the channels; 2 for `core.learned_variance`.
    jumps: whether it is told how far a step goes, noise_label (B, 2), as `core.losses.mean_flow` does.

    cond {"label": (B,) int64, -1 is none; NAME: the rows of conditions[NAME]}; what is missing is absent.
    """

    Options: ClassVar[type[Shape]] = Shape
    rank: ClassVar[int] = 2

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
        self.condition = Embedding(width, classes, jumps=jumps)
        self.conditions = Conditions(conditions, width) if conditions else None
        self.unet = UNet(
            shape,
            rank=self.rank,
            in_channels=in_channels,
            out_channels=answers * in_channels,
            condition=width,
            **entrances(self.conditions, width),
        )

    def forward(self, x: Tensor, noise_label: Tensor, cond: Condition = None) -> Tensor:
        entering = Entering() if self.conditions is None else self.conditions(cond, len(x))
        condition = self.condition(noise_label, cond, entering.embedding)
        signals = beside(entering.signals, x, self.unet.patch[1])
        if self.rank == 1:
            waves = Beside(*(s if s is None else s.unsqueeze(2) for s in signals))
            return self.unet(x.unsqueeze(2), condition, None, entering.tokens, waves).squeeze(2)
        return self.unet(x, condition, None, entering.tokens, signals)


def entrances(conditions: Conditions | None, width: int) -> dict[str, Any]:
    """What a U-Net has to know of its conditions: channels of tokens and of signals."""
    if conditions is None:
        return {}
    tokens = width if conditions.attends else 0
    return {"tokens": tokens, "folded": conditions.folded, "coarse": conditions.coarse}
