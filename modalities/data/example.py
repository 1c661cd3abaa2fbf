"""One example, and the contract of whatever yields examples.

    source.read(index, generator) -> Example

is a pure function of (index, state of the generator): the same pair gives the same example in every process, whatever
was read before. The generator decides what is random (where a crop of a long recording begins) and nothing else is.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

Value = float | str
"""A further field of an example's metadata: a number (a pitch in Hz, say) or a word (a speaker)."""


class Example(NamedTuple):
    """One decoded file, in the integers it is stored as."""

    media: Tensor
    """image uint8 (C, H, W); audio int16 (C, T) at `rate`; video uint8 (T, H, W, C)."""
    label: int = -1
    """Index into the source's `classes`; -1 is «no label»."""
    caption: str = ""
    rate: int = 0
    """Samples per second of audio; 0 for media that need no resampling."""
    name: str = ""
    bad: tuple[str, ...] = ()
    """«file: reason» of each unreadable file that this example stands in for."""
    values: Mapping[str, Value] = {}
    """Further fields of its metadata, by name."""
    partner: tuple[Tensor, int] | None = None
    """Media and rate of the file that belongs to it in another folder, see `modalities.data.pairs`."""


@runtime_checkable
class Source(Protocol):
    """A finite, indexable set of examples. Picklable, so that worker processes can hold it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in label order; empty where the data has none."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int, generator: torch.Generator) -> Example:
        """Example `index`, 0 <= index < len. Raises ValueError when too many files are unreadable."""
        ...


@runtime_checkable
class Fields(Protocol):
    """A source whose examples have `values`."""

    def field(self, name: str) -> Sequence[Value | None]:
        """The field `name` of every example, without decoding any media; None where one lacks it."""
        ...


class BadFile(ValueError):
    """One file cannot be used; the message says why, in one line, without the file's name."""


def allowed_bad(length: int) -> int:
    """How many distinct unreadable files a source of `length` may hold: 1 %, and always one."""
    return max(1, length // 100)


def too_many_bad(bad: list[str], length: int) -> ValueError:
    """The error for more unreadable files than `allowed_bad`: their number and the first few."""
    shown = "; ".join(bad[:3]) + ("; …" if len(bad) > 3 else "")
    share = "more than 1 %" if len(bad) < length else "all"
    return ValueError(f"{len(bad)} of {length} files cannot be used ({share}): {shown}")
