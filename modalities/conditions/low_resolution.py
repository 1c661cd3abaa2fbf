"""A poorer twin as condition: low resolution to high, and for sounds a narrow band to the full one.

row = U D x0  (see `modalities.references.degrade`),   of the size of x0        (Saharia et al. 2021, «SR3», sec. 2)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from torch import Generator, Tensor, nn

from modalities.nn.concat import Signal
from modalities.references import bind, degrade
from modalities.references.files import behind, read, with_options
from modalities.references.value import parse

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.modality import Modality


@dataclass(frozen=True, kw_only=True)
class LowResolution:
    """factor: how much coarser, each side of a picture or the rate of a sound; dropout: share of examples without it.

    Raises ValueError for a factor below 2 or one that does not divide the sides of a picture.
    """

    enters: ClassVar[str] = "concat"
    word: ClassVar[str] = "reference"
    measured: ClassVar[tuple[str, ...]] = ()
    factor: int = 4
    dropout: float = 0.0
    media: "Modality" = field(init=False, repr=False, compare=False)

    def bound(self, media: "Modality") -> Self:
        if behind(media) is not media:
            raise ValueError("low_resolution: it makes pixels and samples poorer, and these are latents")
        if self.factor < 2:
            raise ValueError(f"low_resolution: factor={self.factor} must be at least 2")
        if media.name != "audio" and any(side % self.factor for side in media.event_shape[-2:]):
            sides = "x".join(map(str, media.event_shape[-2:]))
            raise ValueError(f"low_resolution: factor={self.factor} must divide the sides of {sides}")
        return bind.bound(self, media)

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        return {}

    def of(self, batch: "Batch | None", x0: Tensor, generator: Generator) -> Tensor:
        return self.degraded(x0)

    def degraded(self, x0: Tensor) -> Tensor:
        """x0 (B, *event) -> what is left of it, in the same shape."""
        if self.media.name != "audio":
            return degrade.pictures(x0, self.factor)
        view = self.media.view  # type: ignore[attr-defined]  # waveform or spectrogram
        return view.encode(degrade.sounds(view.decode(x0), self.factor))

    def said(self, batch: "Batch") -> Sequence[Any]:
        return [None] * len(batch)

    def given(self, value: Any) -> Tensor:
        """A picture whose shorter side is at most the model's over `factor` is the low resolution itself; of any other
        file the low resolution is made. A sound that is narrower already loses nothing by that."""
        asked = parse(str(value))
        full = read(asked, self.media)
        short = self.media.event_shape[-1] // self.factor
        if self.media.name == "audio" or not 0 < full.detail <= short:
            return self.degraded(full.x0[None])
        return self._enlarged(read(asked, with_options(self.media, size=short)).x0[None])

    def _enlarged(self, x: Tensor) -> Tensor:
        """(1, C, *any, h, w) -> (1, C, *any, h factor, w factor)."""
        if x.ndim == 4:
            return degrade.larger(x, self.factor)
        return degrade.larger(x[0].movedim(1, 0), self.factor).movedim(0, 1)[None]  # frames as a batch of pictures

    def empty(self) -> Tensor:
        return bind.nothing(self.media.event_shape[0], len(self.media.event_shape) - 1)

    def module(self, channels: int) -> nn.Module:
        return Signal(self.media.event_shape[0], folded=True)


low_resolution = LowResolution
