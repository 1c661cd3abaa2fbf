"""One of several words: a speaker, an instrument, a second class; a field of the examples' metadata.

    embedding = table[class]          absent: the table's last row

The data's own classes need no condition, they are `data.class_conditional`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from core.discover import nearest
from modalities.condition import check_dropout
from modalities.data.batch import Batch
from modalities.data.strings import natural
from modalities.modality import Modality

MOST = 10_000
"""Classes; a field with more values than this is an identifier, or a number."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """Rows (B,) int64: the place among `classes`, -1 where absent.

    field: name of the value in the metadata; classes: its values, measured where null; an example with another value is
    trained without; dropout: see `Condition`.
    """

    enters: ClassVar[str] = "norm"
    word: ClassVar[str] = ""
    measured: ClassVar[tuple[str, ...]] = ("classes",)

    field: str
    classes: tuple[str, ...] | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_dropout(self.dropout)
        if self.classes is not None and len(set(self.classes)) != max(1, len(self.classes)):
            raise ValueError(f"classes={list(self.classes)} must be at least one name, each once")

    def bound(self, media: Modality) -> Self:
        return self

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        found = sorted({name_of(v) for v in values(self.field) if v is not None}, key=natural)
        if not found or len(found) > MOST:
            counted = f"{len(found)} different values, more than {MOST}," if found else "nothing"
            raise ValueError(f"the data have {counted} in the field {self.field!r}: there are no classes to learn")
        return {"classes": found}

    def of(self, batch: Batch, x0: Tensor, generator: Generator) -> Tensor:
        place = {name: i for i, name in enumerate(self._classes())}
        found = [place.get(name or "", -1) for name in self.said(batch)]
        return torch.tensor(found, dtype=torch.int64).to(x0.device, non_blocking=True)

    def said(self, batch: Batch) -> list[str | None]:
        column = batch.values.get(self.field, (None,) * len(batch))
        names = [None if v is None else name_of(v) for v in column]
        return [name if name in self._classes() else None for name in names]

    def given(self, value: Any) -> Tensor:
        """A name; or a number, which where it is no name is a place among the classes."""
        classes, name = self._classes(), str(value).strip()
        if name in classes:
            return torch.tensor([classes.index(name)])
        if name.isdigit() and int(name) < len(classes):
            return torch.tensor([int(name)])
        shown = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
        raise ValueError(f"{value} is none of {shown}{nearest(name, classes)}")

    def empty(self) -> Tensor:
        return torch.full((1,), -1)

    def module(self, channels: int) -> nn.Module:
        return LabelEmbedding(len(self._classes()), channels)

    def _classes(self) -> tuple[str, ...]:
        assert self.classes is not None, "tools.measure fills them in"
        return self.classes


def name_of(value: float | str) -> str:
    """A value as a name: `7.0` in a table is class 7."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class LabelEmbedding(nn.Module):
    """`forward(rows (B,)) -> (B, channels)`."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.classes = classes
        self.embed = nn.Embedding(classes + 1, channels)

    def forward(self, rows: Tensor) -> Tensor:
        return self.embed(torch.where(rows < 0, self.classes, rows))


label = Label
