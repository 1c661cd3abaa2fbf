"""Pairs of files: beside each file of a source, the one with the same name in another folder.

    photos/cat/1.jpg   sketches/cat/1.png              speech/a.wav   noisy/a.flac

Endings may differ, the kind of media may not. Partners are looked for by their path below the folder, and where that
finds none by their bare name, so that the folder may be divided otherwise. Both are read from the same place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor

from modalities.data.example import Source
from modalities.data.files import Decode, Files
from modalities.data.folder import open_file, walk
from modalities.data.item import Item
from modalities.data.kinds import SUFFIXES, none_of_kind, suffix
from modalities.data.recognise import existing

SHOWN = 3
"""So many missing partners are named."""


@dataclass(frozen=True)
class Partners:
    """`partners(item, where)` decodes the file that belongs to an item, like `Files.decode`."""

    files: Mapping[str, str]
    """Stem of an item's name -> path."""
    decode: Decode

    def __call__(self, item: Item, where: float) -> tuple[Tensor, int]:
        path = self.files[stem(item.name)]
        return self.decode(Item(path, partial(open_file, path), path), where)


def paired(source: Source, folder: Path | str, kind: str) -> Source:
    """`source` with a partner beside each example. Raises ValueError where it has no files, or a file no partner."""
    if not isinstance(source, Files):
        raise ValueError(f"paired {kind}s need data.path with a file each: the data at hand has none")
    root = existing(folder)
    names = [name for name in walk(str(root)) if suffix(name) in SUFFIXES[kind]]
    if not names:
        raise none_of_kind(root, kind, walk(str(root)))
    found = matched([source.container.item(i).name for i in range(len(source))], names)
    missing = [name for name, partner in found.items() if partner is None]
    if missing:
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise ValueError(f"{root} has no partner for {len(missing)} of {len(found)} files: {shown}")
    return replace(source, partner=Partners({stem(n): f"{root}/{p}" for n, p in found.items()}, source.decode))


def matched(names: Sequence[str], others: Sequence[str]) -> dict[str, str | None]:
    """Each of `names` with the one of `others` that has its path, else its bare name if only one has; else None."""
    by_path = {stem(other): other for other in others}
    by_name: dict[str, str | None] = {}
    for other in others:
        bare = stem(other).rpartition("/")[2]
        by_name[bare] = None if bare in by_name else other
    return {name: by_path.get(stem(name)) or by_name.get(stem(name).rpartition("/")[2]) for name in names}


def stem(name: str) -> str:
    """`a/b.c` of `a/b.c.png`."""
    return name.removesuffix(Path(name).suffix)
