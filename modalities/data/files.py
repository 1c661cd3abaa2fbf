"""The source over any container: decode an item, or the next one that can be decoded."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modalities.data.example import BadFile, Example, Value, allowed_bad, too_many_bad
from modalities.data.item import Container, Item

Decode = Callable[[Item, float], tuple[Tensor, int]]
"""`decode(item, where) -> (media, rate)`; `where` in [0, 1) places a crop among the possible ones. Raises BadFile."""


@dataclass(frozen=True)
class Files:
    """A `Source`. Item i that cannot be decoded is replaced by item i + 1 (and so on, round the end)."""

    container: Container
    decode: Decode
    partner: Decode | None = None
    """Decodes the file that belongs to an item, from the same place; see `modalities.data.pairs`."""

    @property
    def classes(self) -> tuple[str, ...]:
        return self.container.classes

    def __len__(self) -> int:
        return len(self.container)

    def field(self, name: str) -> list[Value | None]:
        """The field `name` of every item's metadata, None where one lacks it."""
        return [self.container.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator) -> Example:
        """Example `index`. Raises ValueError where more files in a row than 1 % of the source are unreadable."""
        # One draw, whatever happens: the crop is then a function of (file, generator) and not of the files before it.
        where = float(torch.rand((), dtype=torch.float64, generator=generator))
        bad: list[str] = []
        for step in range(len(self)):
            i = (index + step) % len(self)
            item = self.container.item(i)
            try:
                media, rate = self.decode(item, where)
                partner = self.partner(item, where) if self.partner else None
                return Example(media, item.label, item.caption, rate, item.name, tuple(bad), item.values, partner)
            except (BadFile, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                bad.append(f"{item.name}: {reason}")
            if len(bad) > allowed_bad(len(self)):
                break
        raise too_many_bad(bad, len(self))
