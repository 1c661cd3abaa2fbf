"""Text by a frozen encoder: CLIP, T5 or a sentence encoder of `transformers`, by name or folder, cached by content.

    conditions: {caption: {name: frozen_text, encoder: FOLDER or NAME, length: 77}}

What the encoder knows of language comes for nothing; what it costs is paid once per caption (see `encoders.cache`). The
model learns only how to project the states. Needs the extra `text`; `conditions.caption=text` learns an encoder itself.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from modalities.condition import check_dropout
from modalities.conditions.encoders.cache import Cache, default_folder
from modalities.conditions.encoders.folder import located
from modalities.conditions.encoders.text import STATES, TextEncoder, text_encoder
from modalities.nn.projected import Projected

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.modality import Modality

DTYPES = {"float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True, kw_only=True)
class FrozenText:
    """Rows (B, length, D) float32: the states of a caption's tokens, NaN beyond their end; all NaN without a caption.

    encoder: folder or name of the model; length: most tokens that are read, of longer captions the first ones; states:
    tokens, or their mean as one token; dtype: float16 or float32, of what is cached; cache: folder, null is the user's
    cache; dropout: see `Condition`. Raises ValueError for an encoder that is not there.
    """

    enters: ClassVar[str] = "attention"
    word: ClassVar[str] = "prompt"
    measured: ClassVar[tuple[str, ...]] = ()

    encoder: str
    length: int = 77
    states: str = "tokens"
    dtype: str = "float16"
    cache: str | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_dropout(self.dropout)
        if self.length < 1:
            raise ValueError(f"length={self.length} must be at least 1")
        for option, known in (("states", STATES), ("dtype", tuple(DTYPES))):
            if getattr(self, option) not in known:
                raise ValueError(f"{option}={getattr(self, option)} is unknown; choose {' or '.join(known)}")

    def bound(self, media: "Modality") -> Self:
        assert self._encoder.width > 0  # found now, and not in the first step
        return self

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        return {}

    def of(self, batch: "Batch", x0: Tensor, generator: Generator) -> Tensor:
        return self._rows(list(batch.captions), x0.device).to(x0.device, non_blocking=True)

    def said(self, batch: "Batch") -> list[str | None]:
        """The captions, as far as they are read."""
        return [self._cut(caption) if caption.strip() else None for caption in batch.captions]

    def given(self, value: Any) -> Tensor:
        count, most = self._encoder.count(str(value)), min(self.length, self._encoder.longest)
        if count > most:
            raise ValueError(f"it has {count} tokens, and the model reads at most {most}")
        return self._rows([str(value)], torch.device("cpu"))

    def empty(self) -> Tensor:
        return torch.full((1, self._tokens, self._encoder.width), torch.nan)

    def module(self, channels: int) -> nn.Module:
        return Projected(self._encoder.width, channels)

    @property
    def _encoder(self) -> TextEncoder:
        return text_encoder(located(self.encoder))

    @property
    def _tokens(self) -> int:
        return 1 if self.states == "mean" else self.length

    def _cut(self, caption: str) -> str:
        """The longest beginning of a caption, word by word, that is within `length` tokens."""
        words = caption.split()
        while len(words) > 1 and self._encoder.count(" ".join(words)) > min(self.length, self._encoder.longest):
            words.pop()
        return " ".join(words)

    def _rows(self, captions: list[str], device: torch.device) -> Tensor:
        """(B, L, D) on the CPU; captions that are empty give absent rows."""
        said = [caption for caption in captions if caption.strip()]
        facts = [self._encoder.fingerprint, self.states, self.length]

        def encode(some: list[str]) -> list[Tensor]:
            return self._encoder(some, length=self.length, states=self.states, device=device)

        kept = kept_in(Path(self.cache).expanduser() if self.cache else default_folder(), DTYPES[self.dtype])
        states = iter(kept(said, facts, encode)) if said else iter([])
        rows = self.empty().repeat(len(captions), 1, 1)
        for row, caption in zip(rows, captions, strict=True):
            if caption.strip():
                found = next(states)
                row[: len(found)] = found
        return rows


@functools.cache
def kept_in(folder: Path, dtype: torch.dtype) -> Cache:
    """One cache per process and folder."""
    return Cache(folder, dtype)


frozen_text = FrozenText
