"""Another file as condition, of the same kind of media and the same name: image to image, sound to sound, clip to clip.

    row = x0 of the partner                                  (Isola et al. 2017; Saharia et al. 2022, «Palette», sec. 3)

Partners lie in a second folder, see `modalities.data.pairs`; a mirrored example has a mirrored partner.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from torch import Generator, Tensor, nn

from modalities.data.pairs import paired as with_partners
from modalities.nn.concat import Signal
from modalities.references import bind
from modalities.references.files import read
from modalities.references.value import parse

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.data.example import Source
    from modalities.modality import Modality


@dataclass(frozen=True, kw_only=True)
class Paired:
    """path: the folder of the partners; dropout: share of examples without theirs."""

    enters: ClassVar[str] = "concat"
    word: ClassVar[str] = "reference"
    measured: ClassVar[tuple[str, ...]] = ()
    path: str
    dropout: float = 0.0
    media: "Modality" = field(init=False, repr=False, compare=False)

    def bound(self, media: "Modality") -> Self:
        return bind.bound(self, media)

    def beside(self, source: "Source") -> "Source":
        """The source of training with the partners in its examples. Raises ValueError where one lacks its partner."""
        return with_partners(source, self.path, self.media.name)

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        return {}

    def of(self, batch: "Batch", x0: Tensor, generator: Generator) -> Tensor:
        assert batch.reference is not None, "who prepares a batch prepares its partners"
        return batch.reference

    def said(self, batch: "Batch") -> Sequence[Any]:
        return [None] * len(batch)

    def given(self, value: Any) -> Tensor:
        return read(parse(str(value)), self.media).x0[None]

    def empty(self) -> Tensor:
        return bind.nothing(self.media.event_shape[0], len(self.media.event_shape) - 1)

    def module(self, channels: int) -> nn.Module:
        return Signal(self.media.event_shape[0], folded=True)


paired = Paired
