"""Text by a small encoder that is trained with the model, from bytes: no vocabulary, no download, any language.

    text -> words and signs -> pieces of at most 12 bytes of UTF-8 -> tokens, one per piece: `modalities.nn.words`

A piece per word, as in SpaceByte (Slagle 2024), makes a caption a few tokens in place of a hundred bytes, and a word
the same token wherever it stands: what a small model has to learn about captions it then learns in minutes. Upper and
lower case are one.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from modalities.condition import check_dropout
from modalities.data.batch import Batch
from modalities.modality import Modality
from modalities.nn.words import Words

PIECE = 12
"""Bytes of a piece; longer words are several."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """Rows (B, length, 12) int64: the bytes of each piece, -1 beyond their end; all -1 where there is no text.

    length: most pieces that the model reads; of longer captions it is trained on the first ones; width and layers of
    the encoder; dropout: see `Condition`. ValueError for sizes below 1.
    """

    enters: ClassVar[str] = "attention"
    word: ClassVar[str] = "prompt"
    measured: ClassVar[tuple[str, ...]] = ()

    length: int = 32
    width: int = 128
    layers: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_dropout(self.dropout)
        for option in ("length", "width", "layers"):
            if getattr(self, option) < 1:
                raise ValueError(f"{option}={getattr(self, option)} must be at least 1")

    def bound(self, media: Modality) -> Self:
        return self

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        return {}

    def of(self, batch: Batch, x0: Tensor, generator: Generator) -> Tensor:
        rows = torch.stack([self._row(pieces(caption)[: self.length]) for caption in batch.captions])
        return rows.to(x0.device, non_blocking=True)

    def said(self, batch: Batch) -> list[str | None]:
        """The captions; of longer ones the pieces that are read."""
        cut = [pieces(caption)[: self.length] for caption in batch.captions]
        return [b" ".join(found).decode("utf-8", "ignore") or None for found in cut]

    def given(self, value: Any) -> Tensor:
        found = pieces(str(value))
        if len(found) > self.length:
            raise ValueError(f"it has {len(found)} words and signs, and the model reads at most {self.length}")
        return self._row(found)[None]

    def empty(self) -> Tensor:
        return self._row([])[None]

    def module(self, channels: int) -> nn.Module:
        return Words(channels, length=self.length, piece=PIECE, width=self.width, layers=self.layers)

    def _row(self, found: Sequence[bytes]) -> Tensor:
        flat = b"".join(piece.ljust(PIECE, b"\xff") for piece in found).ljust(self.length * PIECE, b"\xff")
        row = torch.frombuffer(bytearray(flat), dtype=torch.uint8).view(self.length, PIECE).long()
        return torch.where(row == 255, -1, row)  # no UTF-8 text holds the byte 255


def pieces(text: str) -> list[bytes]:
    """«A red circle, left.» -> a, red, circle, «,», left, «.»: UTF-8, composed and in lower case."""
    words = re.findall(r"\w+|[^\w\s]", unicodedata.normalize("NFC", text).lower())
    encoded = (word.encode("utf-8", "replace") for word in words)
    return [word[i : i + PIECE] for word in encoded for i in range(0, len(word), PIECE)]


text = Text
