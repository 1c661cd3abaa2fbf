"""Known frames of a clip as condition: one model predicts, interpolates, makes a still move, continues and generates.

    row = x0 in the known frames, NaN in the others          trained on random masks: `modalities.references.masks`

What is known comes out as it was given. (Ho et al. 2022, «Video Diffusion Models», sec. 3.1, on conditioning by
training; Voleti et al. 2022, «MCVD»; Höppe et al. 2022, «RaMViD».)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from modalities.nn.concat import Signal
from modalities.references import bind, choose, masks
from modalities.references.files import Reference, behind, read
from modalities.references.known import known
from modalities.references.value import parse

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.modality import Modality

MASKS = {
    "first": masks.first,
    "still": masks.still,
    "between": masks.between,
    "scattered": masks.scattered,
    "generate": masks.nothing,
}


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Shares of training, in any unit: first: some first frames are known; still: the first alone; between: the first,
    the last and every n-th; scattered: any; generate: none. dropout: share of examples without it, beside `generate`.
    """

    enters: ClassVar[str] = "concat"
    word: ClassVar[str] = "reference"
    measured: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[bool] = True
    """Rows are x0 itself where they are known: samples end on them."""
    first: float = 0.4
    still: float = 0.15
    between: float = 0.2
    scattered: float = 0.1
    generate: float = 0.15
    dropout: float = 0.0
    media: "Modality" = field(init=False, repr=False, compare=False)

    def bound(self, media: "Modality") -> Self:
        bind.shares(self, *MASKS)
        if len(media.event_shape) != 4 or media.event_shape[1] < 2:
            raise ValueError(f"frames: needs clips of at least 2 frames, not x0 of shape {tuple(media.event_shape)}")
        return bind.bound(self, media)

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        return {}

    def of(self, batch: "Batch | None", x0: Tensor, generator: Generator) -> Tensor:
        mask = masks.drawn(bind.shares(self, *MASKS), MASKS, len(x0), x0.shape[2:], generator)
        return known(x0, mask.to(x0.device))

    def said(self, batch: "Batch") -> Sequence[Any]:
        return [None] * len(batch)

    def given(self, value: Any) -> Tensor:
        if isinstance(value, Tensor):
            return value
        asked = parse(str(value))
        if asked.hidden is not None:
            raise ValueError(f"known frames are {choose.FRAMES}; @! is for the kind masked")
        return self.placed(read(asked, self.media), asked.known)

    def placed(self, reference: Reference, spec: Any) -> Tensor:
        """The row (1, *event) with the frames of a file in the places that `spec` says are known."""
        T, own = reference.x0.shape[1], behind(self.media)
        have = -(-reference.length * T // own.frames)  # type: ignore[attr-defined]  # latents have fewer than the clip
        places = choose.frames(spec, T, have)
        taken = places if (have or T) == T else list(range(len(places)))
        row = torch.full_like(reference.x0, torch.nan)
        row[:, places] = reference.x0[:, taken]
        return row[None]

    def empty(self) -> Tensor:
        return bind.nothing(self.media.event_shape[0], 3)

    def module(self, channels: int) -> nn.Module:
        return Signal(self.media.event_shape[0], folded=True)


frames = Frames
