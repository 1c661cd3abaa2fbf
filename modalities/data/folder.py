"""A folder of media files: class = the folder that a file lies in, caption = the `.txt` or `.json` beside it.

    root/cat/1.png   root/cat/1.txt   root/dog/2.png              (class, caption)
    root/7.wav   root/7.json      {"caption": "a low hum", "pitch": 110}      (caption, values)
    root/train/cat/1.png   root/test/cat/3.png                    (splits)
    root/clips/7/00000.mp4   root/labels.csv                      (a table, see `table`)

Files right in the root have no class, and neither have files that all share one folder. Classes are in natural order
and the same for every split. Hidden files and folders are passed over.
"""

import json
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from modalities.data.conditions import caption_of, values_of
from modalities.data.example import Value
from modalities.data.item import Item
from modalities.data.kinds import SUFFIXES, none_of_kind, suffix
from modalities.data.splits import choose, split_of
from modalities.data.strings import Strings, natural
from modalities.data.table import read_tables


class Folder:
    """A `Container` of the files of `kind` under `root`, or of the one file that `root` is.

    names: what `walk(root)` found. Raises ValueError where none is of `kind`, saying what is there, or no such split.
    """

    def __init__(self, root: Path, split: str, kind: str, names: Sequence[str]) -> None:
        self.root = str(root.parent if root.is_file() else root)
        seen = sorted(names, key=natural)
        media = [name for name in seen if suffix(name) in SUFFIXES[kind]]
        if not media:
            raise none_of_kind(root, kind, seen)
        parts, depth = {"train": media}, 0
        if not root.is_file():
            parts, depth = split_folders(media)
        table = read_tables(self.root, seen)
        label_of = {}
        for name in (name for part in parts.values() for name in part):
            folders = name.split("/")[:-1]
            label_of[name] = table.label(name) if table.labels else "".join(folders[depth:][-1:])
        found = {label for label in label_of.values() if label}
        self.classes: tuple[str, ...] = tuple(sorted(found, key=natural)) if len(found) > 1 else ()
        number = {name: i for i, name in enumerate(self.classes)}
        chosen = choose(parts, split, root)
        self.names = Strings(chosen)
        self.labels = array("i", [number.get(label_of[name], -1) for name in chosen])
        self.captions = Strings(map(table.caption, chosen)) if table.captions else None
        self.rows = [table.values.get(name, {}) for name in chosen] if table.values else None
        self.beside = {suffix(name) for name in seen} & {".txt", ".json"}

    def __len__(self) -> int:
        return len(self.names)

    def item(self, index: int) -> Item:
        name = self.names[index]
        path = f"{self.root}/{name}"
        caption = self.captions[index] if self.captions is not None else ""
        if not caption and ".txt" in self.beside:
            caption = read_text(f"{path[: path.rindex('.')]}.txt")
        if not caption and ".json" in self.beside:
            caption = caption_of(read_json(f"{path[: path.rindex('.')]}.json"))
        return Item(name, partial(open_file, path), path, self.labels[index], caption, self.values(index))

    def values(self, index: int) -> dict[str, Value]:
        row = self.rows[index] if self.rows is not None else {}
        if ".json" not in self.beside:
            return row
        name = self.names[index]
        return values_of(read_json(f"{self.root}/{name[: name.rindex('.')]}.json")) | row


def open_file(path: str) -> BinaryIO:
    """The file, open for reading."""
    return Path(path).open("rb")


def read_text(path: str) -> str:
    """What a text file says, in one line; nothing where there is none."""
    try:
        return " ".join(Path(path).read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return ""


def read_json(path: str) -> dict[str, Any]:
    """The record of metadata in a file; empty where there is none, or it holds something else."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def walk(root: str) -> Iterator[str]:
    """Names of the files under `root`, relative to it, `/` between the parts; links are followed, each folder once."""
    visited = {os.path.realpath(root)}
    for folder, below, files in os.walk(root, followlinks=True):
        kept = []
        for name in below:
            real = os.path.realpath(f"{folder}/{name}")
            if not name.startswith((".", "__MACOSX")) and real not in visited:
                visited.add(real)
                kept.append(name)
        below[:] = kept
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + name for name in files if not name.startswith("."))


def split_folders(media: Sequence[str]) -> tuple[dict[str, list[str]], int]:
    """The files by split, and the number of leading folders in their names that are no class.

    Folders that hold everything are looked through. Those within are splits when all of them are named so, or one is
    «train» and another one is held out; what lies beside those is then left out.
    """
    folders = [name.split("/")[:-1] for name in media]
    first, last = min(folders), max(folders)  # what these two share, all share
    depth = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    tops = {inside[depth]: split_word(inside[depth]) for inside in folders if len(inside) > depth}
    named = {split for split in tops.values() if split}
    only_splits = all(tops.values()) and all(len(inside) > depth for inside in folders)
    if named and (only_splits or ("train" in named and len(named) > 1)):
        parts: dict[str, list[str]] = {}
        for name, inside in zip(media, folders, strict=True):
            if len(inside) > depth and tops[inside[depth]]:
                parts.setdefault(tops[inside[depth]], []).append(name)
        return parts, depth + 1
    for i, folder in enumerate(first[:depth]):
        if split_word(folder):
            return {split_word(folder): list(media)}, i + 1
    return {"train": list(media)}, 0


def split_word(folder: str) -> str:
    """The split that a whole folder name says: `train`, `Train2017`, but not `train station`."""
    return split_of(folder) if re.fullmatch(r"[A-Za-z]+[-_]?[0-9]*", folder) else ""
