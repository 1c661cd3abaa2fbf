"""Known frames of a clip as condition: one model predicts, interpolates, makes a still move, continues and generates.

    row = x0 in the known frames, NaN in the others          trained on random masks: `modalities.references.masks`

What is known comes out as it was given. (Ho et al. 2022, «Video Diffusion Models», sec. 3.1, on conditioning by
training; Voleti et al. 2022, «MCVD»; Höppe et al. 2022, «RaMViD».)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from modalities.nn.concat import Signal
from modalities.references import bind, choose, masks
from modalities.references.files import Reference, read
from modalities.references.known import known

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
        return next(self.rows(str(value)))[1]

    def rows(self, path: str, spec: Any = None) -> Iterator[tuple[str, Tensor]]:
        """(name, row (1, *event)) of each clip or picture under `path`; `spec` as in `choose.frames`."""
        for reference in read(path, self.media):
            yield reference.name, self.placed(reference, spec)

    def placed(self, reference: Reference, spec: Any) -> Tensor:
        """The row (1, *event) with the frames of a file in the places that `spec` says are known."""
        T = reference.x0.shape[1]
        places = choose.frames(spec, T, reference.length)
        taken = places if (reference.length or T) == T else list(range(len(places)))
        row = torch.full_like(reference.x0, torch.nan)
        row[:, places] = reference.x0[:, taken]
        return row[None]

    def empty(self) -> Tensor:
        return bind.nothing(self.media.event_shape[0], 3)

    def module(self, channels: int) -> nn.Module:
        return Signal(self.media.event_shape[0], folded=True)


frames = Frames
