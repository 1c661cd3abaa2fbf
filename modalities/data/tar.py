"""Tar shards in the WebDataset convention: members with one stem are one example.

    7_jackson_0.flac  7_jackson_0.json                 {"label": 7, "speaker": "jackson"}
    000123.jpg  000123.cls  000123.txt                 class number, caption

The stem ends at the first dot of the last part of the name. The shards' headers are read once, when the container is
made; after that any example is one seek away.
"""

import json
import tarfile
from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from modalities.data.conditions import LABEL, caption_of, class_names, class_numbers, pick, values_of
from modalities.data.example import Value
from modalities.data.item import Handles, Item, open_range
from modalities.data.kinds import SUFFIXES, none_of_kind, suffix
from modalities.data.splits import choose
from modalities.data.strings import Strings


class Place(NamedTuple):
    """Where in its shard a member's bytes lie."""

    offset: int
    size: int


class Record(NamedTuple):
    """One example of a shard: its media member, raw label, and where its caption and its metadata are."""

    name: str
    media: Place
    label: Any
    caption: Place
    json: Place


NOWHERE = Place(0, 0)


class Tar:
    """A `Container` of the members of `kind` in the shards of `split`. Raises ValueError where there are none."""

    def __init__(self, shards: dict[str, list[Path]], split: str, kind: str, where: Path) -> None:
        choose(shards, split, where)
        records = {part: [list(index(path, kind)) for path in paths] for part, paths in shards.items()}
        labels = [record.label for part in records.values() for shard in part for record in shard]
        chosen, paths = choose(records, split, where), choose(shards, split, where)
        flat = [record for shard in chosen for record in shard]
        if not flat:
            raise none_of_kind(where, kind, (name for path in paths for name in members(path)))
        self.classes = class_names(labels)
        self.labels = class_numbers((record.label for record in flat), self.classes, where)
        self.shards = [path.as_posix() for path in paths]
        self.names = Strings(record.name for record in flat)
        self.shard = array("I", [i for i, shard in enumerate(chosen) for _ in shard])
        self.media = Places([record.media for record in flat])
        self.captions = Places([record.caption for record in flat])
        self.records = Places([record.json for record in flat])
        self.handles = Handles()

    def __len__(self) -> int:
        return len(self.labels)

    def item(self, index: int) -> Item:
        shard = self.shards[self.shard[index]]
        name = f"{shard.rpartition('/')[2]}/{self.names[index]}"
        stream = partial(self._open, shard, self.media[index])
        record = self._record(index)
        return Item(name, stream, "", self.labels[index], self._caption(index, record), values_of(record))

    def values(self, index: int) -> dict[str, Value]:
        return values_of(self._record(index))

    def _record(self, index: int) -> dict[str, Any]:
        """The metadata of an example; empty where it has none."""
        place = self.records[index]
        return _json(self._open(self.shards[self.shard[index]], place).read()) if place.size else {}

    def _caption(self, index: int, record: dict[str, Any]) -> str:
        place = self.captions[index]
        if not place.size:
            return caption_of(record)
        text = self._open(self.shards[self.shard[index]], place).read().decode("utf-8", "replace")
        return " ".join(text.split())

    def _open(self, shard: str, place: Place) -> Any:
        return open_range(self.handles(shard), *place)


class Places:
    """Many places in two flat arrays."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.offsets = array("Q", [place.offset for place in places])
        self.sizes = array("Q", [place.size for place in places])

    def __getitem__(self, i: int) -> Place:
        return Place(self.offsets[i], self.sizes[i])


def index(path: Path, kind: str) -> Iterator[Record]:
    """The examples of one shard, in their order."""
    stem, parts = "", dict[str, tuple[str, Place]]()
    with path.open("rb") as file:
        for name, place in _members(path):
            folder, _, last = name.rpartition("/")
            found = f"{folder}/{last.split('.', 1)[0]}"
            if found != stem:
                yield from _record(parts, kind, file)
                stem, parts = found, {}
            parts[suffix(name)] = (name, place)
        yield from _record(parts, kind, file)


def _record(parts: dict[str, tuple[str, Place]], kind: str, file: Any) -> Iterator[Record]:
    media = next((parts[ending] for ending in parts if ending in SUFFIXES[kind]), None)
    if media is None:
        return
    label, caption, metadata = None, NOWHERE, NOWHERE
    if ".json" in parts:
        metadata = parts[".json"][1]
        record = _json(_bytes(file, metadata))
        label = record.get(pick(record, LABEL))
    if ".cls" in parts:
        text = _bytes(file, parts[".cls"][1]).decode("utf-8", "replace").strip()
        label = int(text) if text.lstrip("-").isdigit() else text or None
    if ".txt" in parts:
        caption = parts[".txt"][1]
    yield Record(media[0], media[1], label if isinstance(label, int | str) else None, caption, metadata)


def _bytes(file: Any, place: Place) -> bytes:
    file.seek(place.offset)
    data = file.read(place.size)
    assert isinstance(data, bytes)
    return data


def _json(data: bytes) -> dict[str, Any]:
    try:
        record = json.loads(data)
    except ValueError:
        return {}  # the media may still be good
    return record if isinstance(record, dict) else {}


def _members(path: Path) -> Iterator[tuple[str, Place]]:
    """Names and places of the regular files in an uncompressed tar. Raises ValueError where it is something else."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isreg() and not member.name.rpartition("/")[2].startswith("."):
                    yield member.name, Place(member.offset_data, member.size)
                tar.members = []  # type: ignore[attr-defined]  # it keeps every header it has seen, half a kilobyte each
    except tarfile.TarError as error:
        raise ValueError(f"{path} is not a whole, uncompressed tar file: {error}") from error


def members(path: Path) -> list[str]:
    """Names of the files in a shard."""
    return [name for name, _ in _members(path)]
