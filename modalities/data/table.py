"""`labels.csv` or `metadata.csv` (or `.jsonl`) in a folder of media: one row per file, with label, caption and values.

    file_name,label,caption,speed
    clips/7/00000.mp4,7,a seven moving left,1.5

The layout of Hugging Face's image folders: `file_name` is relative to the table. Where a table has labels,
folders are no classes.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modalities.data.conditions import values_of
from modalities.data.example import Value

NAMES = ("labels", "metadata")
FILE = ("file_name", "filename", "file", "path", "name")
LABEL = ("label", "class")
CAPTION = ("caption", "text", "prompt")


@dataclass(frozen=True)
class Table:
    """Labels, captions and further values by file name relative to the root."""

    labels: dict[str, str] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, Value]] = field(default_factory=dict)

    def label(self, name: str) -> str:
        return self.labels.get(name, "")

    def caption(self, name: str) -> str:
        return self.captions.get(name, "")


def read_tables(root: str, names: Sequence[str]) -> Table:
    """Every table among the files `names` under `root`. One without a column of file names is not ours."""
    table = Table()
    for name in names:
        folder, _, last = name.rpartition("/")
        stem, _, ending = last.lower().rpartition(".")
        if stem not in NAMES or ending not in ("csv", "jsonl"):
            continue
        for row in rows(f"{root}/{name}", ending):
            file = first(row, FILE)
            if not file:
                break
            key = f"{folder}/{file}" if folder else file
            if label := first(row, LABEL):
                table.labels[key] = label
            if caption := first(row, CAPTION):
                table.captions[key] = " ".join(caption.split())
            if further := values_of({k: v for k, v in row.items() if k not in FILE}):
                table.values[key] = further
    return table


def rows(path: str, ending: str) -> Iterator[dict[str, object]]:
    """The rows of a table. Raises ValueError, naming the file, where it cannot be read."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            if ending == "csv":
                yield from csv.DictReader(file)
            else:
                yield from (json.loads(line) for line in file if line.strip())
    except (csv.Error, ValueError) as error:  # json's error and a wrong encoding are ValueErrors
        raise ValueError(f"{path} is not a readable table: {error}") from error


def first(row: dict[str, object], columns: Sequence[str]) -> str:
    """The value in the first of `columns` that the row has, as text."""
    return next((str(row[column]) for column in columns if row.get(column) not in (None, "")), "")
