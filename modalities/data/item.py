"""One file to decode, wherever it lies, and the containers that such files lie in."""

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from modalities.data.example import BadFile, Value

WHOLE = 1 << 22
"""Bytes up to which a member of a container is read at once; longer ones (an hour of sound) are read where needed."""


@dataclass(frozen=True, slots=True)
class Item:
    """A media file with its condition."""

    name: str
    stream: Callable[[], BinaryIO]
    """Opens the file's bytes for reading; the caller closes it."""
    path: str = ""
    """Where it is a file of its own: libraries read a path faster than a Python stream."""
    label: int = -1
    caption: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


class Container(Protocol):
    """A fixed sequence of items. Picklable; whatever it opens, it opens once per process."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def item(self, index: int) -> Item: ...
    def values(self, index: int) -> Mapping[str, Value]:
        """The further fields of item `index`; its media are not touched."""
        ...


class Handles:
    """Open files by path, opened when first used and never shared with another process: a forked copy of a file
    object shares its position with the parent. The least recently used one closes beyond `limit`."""

    def __init__(self, limit: int = 32) -> None:
        self.limit = limit
        self.pid, self.open = os.getpid(), dict[str, BinaryIO]()

    def __call__(self, path: str) -> BinaryIO:
        if self.pid != os.getpid():
            self.pid, self.open = os.getpid(), {}
        handle = self.open.pop(path, None) or Path(path).open("rb")  # noqa: SIM115  # it outlives this call
        self.open[path] = handle
        if len(self.open) > self.limit:
            self.open.pop(next(iter(self.open))).close()
        return handle

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return Handles, (self.limit,)


class Window(io.RawIOBase):
    """Bytes `offset` to `offset + size` of an open file, as a seekable file of their own."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self.file, self.offset, self.size, self.at = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        self.at = max(0, to + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size}[whence])
        return self.at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        count = max(0, min(len(buffer), self.size - self.at))
        self.file.seek(self.offset + self.at)
        data = self.file.read(count)
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def open_range(file: BinaryIO, offset: int, size: int) -> BinaryIO:
    """A stream over part of `file`. Raises BadFile where the file ends too early."""
    if offset + size > os.fstat(file.fileno()).st_size:
        raise BadFile("its shard is truncated and ends before it does")
    if size > WHOLE:
        return io.BufferedReader(Window(file, offset, size), 1 << 16)
    file.seek(offset)
    return io.BytesIO(file.read(size))
