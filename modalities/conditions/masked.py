"""The known part of x0 as condition, for any kind of media: fill a hole, paint what lies around, continue a sound.

    row = x0 where it is known, NaN elsewhere                trained on random masks: `modalities.references.masks`

What is known comes out as it was given. (Saharia et al. 2022, «Palette», sec. 4, on inpainting and uncropping by
training; here the mask is shown, and noise lies on all of x.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from torch import Generator, Tensor, nn

from modalities.nn.concat import Signal
from modalities.references import bind, choose, masks
from modalities.references.files import Reference, behind, read
from modalities.references.known import known
from modalities.references.value import parse

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.modality import Modality

MASKS = {"hole": masks.hole, "around": masks.box, "side": masks.side, "generate": masks.nothing}


@dataclass(frozen=True, kw_only=True)
class Masked:
    """Shares of training, in any unit: hole: all but a box is known; around: a box alone; side: one side of an axis;
    generate: nothing. dropout: share of examples without it, beside `generate`."""

    enters: ClassVar[str] = "concat"
    word: ClassVar[str] = "reference"
    measured: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[bool] = True
    """Rows are x0 itself where they are known: samples end on them."""
    hole: float = 0.3
    around: float = 0.2
    side: float = 0.35
    generate: float = 0.15
    dropout: float = 0.0
    media: "Modality" = field(init=False, repr=False, compare=False)

    def bound(self, media: "Modality") -> Self:
        bind.shares(self, *MASKS)
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
        reference = read(asked, self.media)
        mask = self.region(reference, asked.known, asked.hidden).expand(1, 1, *reference.x0.shape[1:])
        if not bool(mask.any()) or bool(mask.all()):
            raise ValueError("known: it must leave something known and something to draw")
        return known(reference.x0[None], mask)

    def region(self, reference: Reference, spec: Any, hidden: Any) -> Tensor:
        """bool (*size): what is known of a file. Where nothing is said, a sound is known for as long as
        its file is (the first half of a long one), and of a picture or clip all but the centre."""
        size, own, per_second = self.media.event_shape[1:], behind(self.media), 0.0
        if own.name == "audio":
            per_second = size[-1] * own.sample_rate / own.samples  # type: ignore[attr-defined]
        if hidden is not None:
            return ~choose.region(hidden, size, per_second=per_second)
        if spec is None and own.name == "audio":
            rate = own.sample_rate  # type: ignore[attr-defined]
            whole = reference.length >= own.samples  # type: ignore[attr-defined]
            spec = "first" if whole else [0, reference.length / rate]
        if spec is None:
            return ~choose.region("centre", size)
        return choose.region(spec, size, per_second=per_second)

    def empty(self) -> Tensor:
        return bind.nothing(self.media.event_shape[0], len(self.media.event_shape) - 1)

    def module(self, channels: int) -> nn.Module:
        return Signal(self.media.event_shape[0], folded=True)


masked = Masked
