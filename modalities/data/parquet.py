"""Parquet as Hugging Face `datasets` writes it: a column of struct(bytes, path), a label, perhaps a caption.

The schema's metadata carries the features, and with them which column is an image and the names of the classes; plain
binary columns and tables without that metadata work as well. Tables up to `KEPT` bytes are read whole, once, before
worker processes are forked, which then share them; of larger ones each process keeps the row groups it used last.
"""

import io
import json
from bisect import bisect_right
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from modalities.data.conditions import CAPTION, LABEL, class_names, class_numbers, pick, values_of
from modalities.data.example import BadFile, Value
from modalities.data.item import Item
from modalities.data.splits import choose

KEPT = 1 << 30
VALUES = "values of the row"
"""Key of the further columns in what `_group` gives; no column of a table is called so."""
COLUMN = {
    "image": ("image", "img", "jpg", "png", "picture", "photo"),
    "audio": ("audio", "sound", "wav", "speech", "flac"),
    "video": ("video", "clip", "mp4", "gif"),
}


class Columns(NamedTuple):
    """The names of the columns that matter; empty where there is none."""

    media: str
    label: str
    caption: str
    names: tuple[str, ...]
    values: tuple[str, ...] = ()
    """Columns of numbers and words beside these."""


class Parquet:
    """A `Container` of the rows of the files of `split`. Raises ValueError for a table without media of `kind`."""

    def __init__(self, files: dict[str, list[Path]], split: str, kind: str, where: Path) -> None:
        chosen = choose(files, split, where)
        self.files = chosen
        self.columns = columns(files.get("train", chosen)[0], kind)  # a test split may lack labels or captions
        labels = {part: self._labels(paths) for part, paths in files.items()} if self.columns.label else {}
        self.classes = class_names((x for part in labels.values() for x in part), self.columns.names)
        self.groups: list[tuple[int, int]] = []
        self.starts = [0]
        size = 0
        for i, path in enumerate(self.files):
            meta = _open(path).metadata
            for g in range(meta.num_row_groups):
                self.groups.append((i, g))
                self.starts.append(self.starts[-1] + meta.row_group(g).num_rows)
                size += meta.row_group(g).total_byte_size
        if not len(self):
            raise ValueError(f"{where} has no rows")
        found = choose(labels, split, where) if labels else [None] * len(self)
        self.labels = class_numbers(found, self.classes, where)
        self.kept: OrderedDict[int, Any] = OrderedDict()
        if size <= KEPT:
            for group in range(len(self.groups)):
                self._group(group)

    def __len__(self) -> int:
        return self.starts[-1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "kept": OrderedDict()}  # a spawned process reads its own

    def item(self, index: int) -> Item:
        group = bisect_right(self.starts, index) - 1
        row = index - self.starts[group]
        table = self._group(group)
        caption = table[self.columns.caption][row].as_py() if self.columns.caption in table else ""
        path = table["path"][row].as_py() if "path" in table else None
        file = self.files[self.groups[group][0]]
        name = f"{file.name}/{path or index}"
        stream = partial(_stream, table["bytes"], row, file.parent / path if path else None)
        return Item(name, stream, "", self.labels[index], " ".join((caption or "").split()), self.values(index))

    def values(self, index: int) -> dict[str, Value]:
        group = bisect_right(self.starts, index) - 1
        table, row = self._group(group), index - self.starts[group]
        return values_of({name: column[row].as_py() for name, column in table[VALUES].items()})

    def _group(self, group: int) -> dict[str, Any]:
        """The columns of one row group, from memory if they are there."""
        if group in self.kept:
            self.kept.move_to_end(group)
            return self.kept[group]
        file, number = self.groups[group]
        opened = _open(self.files[file])
        named = (self.columns.media, self.columns.caption, *self.columns.values)
        wanted = [name for name in named if name in opened.schema_arrow.names]
        table = opened.read_row_group(number, columns=wanted, use_threads=False)
        media = table.column(self.columns.media).combine_chunks()
        found: dict[str, Any] = {"bytes": media}
        if hasattr(media.type, "num_fields") and media.type.num_fields:
            found = {field.name: media.field(field.name) for field in media.type}
        if self.columns.caption in wanted:
            found[self.columns.caption] = table.column(self.columns.caption).combine_chunks()
        found[VALUES] = {name: table.column(name).combine_chunks() for name in self.columns.values if name in wanted}
        self.kept[group] = found
        while len(self.kept) > 1 and sum(x["bytes"].nbytes for x in self.kept.values()) > KEPT:
            self.kept.popitem(last=False)
        return found

    def _labels(self, paths: list[Path]) -> list[Any]:
        """The labels of some files in order; None for every row of one without that column, as a test split may be."""
        found: list[Any] = []
        for path in paths:
            file = _open(path)
            labelled = self.columns.label in file.schema_arrow.names
            found += (
                file.read([self.columns.label]).column(0).to_pylist() if labelled else [None] * file.metadata.num_rows
            )
        return found


def _open(path: Path) -> Any:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from error


def _stream(column: Any, row: int, path: Path | None) -> BinaryIO:
    """The bytes of one row, or of the file beside the table that it names instead."""
    value = column[row]
    if value.is_valid:
        return io.BytesIO(value.as_buffer())
    if not path:
        raise BadFile("the row holds no bytes")
    return path.open("rb")


def columns(path: Path, kind: str) -> Columns:
    """Find the columns by the features in the metadata, else by type and name."""
    import pyarrow

    schema = _open(path).schema_arrow
    meta = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    features = {name: feature for name, feature in meta.items() if isinstance(feature, dict)}
    holds_bytes = [field.name for field in schema if _holds_bytes(field.type)]
    typed = {name: str(feature.get("_type", "")).lower() for name, feature in features.items()}
    media = next((name for name in holds_bytes if typed.get(name) == kind), "")
    if not media:
        others = {name for name in holds_bytes if typed.get(name) in COLUMN}
        others |= {name for k, names in COLUMN.items() if k != kind for name in names if name in holds_bytes}
        open_to = [name for name in holds_bytes if name not in others]
        media = pick(open_to, COLUMN[kind]) or (open_to[0] if len(open_to) == 1 else "")
        if not media:
            guess = next((k for k in COLUMN if k in typed.values() or pick(holds_bytes, COLUMN[k])), "")
            hint = f": modality={guess}?" if guess and guess != kind else ""
            raise ValueError(f"{path} has the columns {', '.join(schema.names)}, and none of {kind} bytes{hint}")
    classed = [name for name in schema.names if typed.get(name) == "classlabel"]
    label = pick(schema.names, LABEL) or (classed[0] if classed else "")
    if label and not any(f(schema.field(label).type) for f in (pyarrow.types.is_integer, _is_text)):
        label = ""
    caption = pick((field.name for field in schema if _is_text(field.type) and field.name != label), CAPTION)
    further = [f.name for f in schema if (_is_text(f.type) or _is_number(f.type)) and f.name not in (label, caption)]
    return Columns(media, label, caption, tuple(features.get(label, {}).get("names", ())), tuple(further))


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_number(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
