"""Many short strings in two flat buffers, and the natural order of names.

A list of 60,000 paths is 60,000 objects, whose reference counts every worker process would touch and so copy.
"""

import re
from array import array
from collections.abc import Iterable


class Strings:
    """An immutable sequence of strings, as one block of UTF-8 with the end of each."""

    def __init__(self, strings: Iterable[str]) -> None:
        blob, ends = bytearray(), array("Q")
        for string in strings:
            blob += string.encode("utf-8", "surrogateescape")  # file names need not be valid UTF-8
            ends.append(len(blob))
        self.blob, self.ends = bytes(blob), ends

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, i: int) -> str:
        if not 0 <= i < len(self.ends):
            raise IndexError(i)
        begin = self.ends[i - 1] if i else 0
        return self.blob[begin : self.ends[i]].decode("utf-8", "surrogateescape")


def natural(name: str) -> tuple[list[int | str], str]:
    """Sort key in which numbers count as numbers: 2 before 10, `clip9` before `clip10`."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name
