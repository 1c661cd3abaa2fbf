"""Where the examples of an evaluation come from: real ones, in a fixed order, and files of samples.

    order of the data = permutation(seed 0):  even places teach the classifier, odd places are compared with

so that no real example that is compared with was learned from: a classifier sees its own training examples more clearly
than any other, and every distance to them would be too large.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from core.training.distributed import World
from core.training.order import Draw, permutation
from core.training.seeds import seed_of
from modalities.data.batch import Batch
from modalities.data.example import Example, Source
from modalities.data.loader import batches
from modalities.modality import Modality

BATCH = 64


class Part(NamedTuple):
    """Some examples of a stream."""

    numbers: Tensor
    """(B,) int64: their places in the whole."""
    media: Tensor
    """(B, ...) stored units."""
    labels: Tensor
    """(B,) int64, -1 for none."""


class Division(NamedTuple):
    """The examples of a data set by what they are for: numbers into the source."""

    taught: list[int]
    compared: list[int]


def divided(length: int, *, teaches: bool) -> Division:
    """Half of the data each, or all to be compared with, where no network has to be taught."""
    order = permutation(length, 0, 0).tolist()
    return Division(order[::2], order[1::2]) if teaches else Division([], order)


def some(length: int, count: int) -> list[int]:
    """`count` of the numbers below `length`, at most all: a fixed draw, as folders come sorted by class."""
    return permutation(length, 0, 0)[:count].tolist()


def real(
    media: Modality, source: Source, items: Sequence[int], world: World | None = None, *, workers: int | None = None
) -> Iterator[Part]:
    """The examples `items` of the source, this process's share of them. Crops of long recordings are fixed by item."""
    rank, size = (world.rank, world.size) if world else (0, 1)
    mine = list(enumerate(items))[rank::size]
    draws = [[Draw(item, seed_of(0, item)) for _, item in mine[i : i + BATCH]] for i in range(0, len(mine), BATCH)]
    enough = len(mine) > 20 * BATCH  # processes take a second to start
    workers = min(2, max(1, (os.cpu_count() or 1) - 1)) * enough if workers is None else workers
    done = 0
    for batch in batches(source, draws, workers=workers):
        numbers = torch.tensor([number for number, _ in mine[done : done + len(batch)]])
        done += len(batch)
        yield Part(numbers, media.prepare(batch, None), batch.labels)


class Files:
    """A folder of samples: those of its manifest, or all but sheets; with labels from the manifest or from folders.

    classes: names of the labels in the order of the real data. Raises ValueError where there is nothing to read.
    """

    def __init__(self, folder: Path, media: Modality, classes: Sequence[str]) -> None:
        if not folder.is_dir():
            raise ValueError(f"samples={folder}: there is no such folder")
        self.folder, self.media, self.classes = folder, media, list(classes)
        self.source = media.source(folder, "train")
        self.lines = manifest(folder)
        self.bad: list[str] = []
        """«file: reason» of those that this process could not read, which are left out."""

    def __len__(self) -> int:
        return len(self._places())

    def parts(self, world: World | None, n: int | None = None) -> Iterator[Part]:
        """At most n of the files, drawn from all of them, in the order of their names."""
        rank, size = (world.rank, world.size) if world else (0, 1)
        places = self._places()
        chosen = sorted(some(len(places), len(places) if n is None else n))
        mine = [(number, places[i]) for number, i in enumerate(chosen)][rank::size]
        generator = torch.Generator()
        for first in range(0, len(mine), BATCH):
            kept, numbers = list[Example](), list[int]()
            for number, i in mine[first : first + BATCH]:
                example = self.source.read(i, generator.manual_seed(0))
                if example.bad:  # what was read is the next file, in its place
                    self.bad += example.bad
                    continue
                kept.append(example._replace(label=self._label(Path(example.name).name, example.label)))
                numbers.append(number)
            if kept:
                batch = Batch.of(kept)
                yield Part(torch.tensor(numbers), self.media.prepare(batch, None), batch.labels)

    @property
    def labelled(self) -> bool:
        """Whether any of the samples was asked for by a class of the real data."""
        items = (self.source.container.item(i) for i in self._places())  # type: ignore[attr-defined]  # see _places
        return any(self._label(Path(item.name).name, item.label) >= 0 for item in items)

    def _places(self) -> list[int]:
        """Numbers in the source of the files that are samples; their names are known before they are read."""
        container = self.source.container  # type: ignore[attr-defined]  # of a folder: modalities.data.files.Files
        return [i for i in range(len(self.source)) if self._ours(Path(container.item(i).name).name)]

    def _ours(self, name: str) -> bool:
        return name in self.lines if self.lines else not name.startswith("sheet.")

    def _label(self, name: str, own: int) -> int:
        line = self.lines.get(name, {})
        said, number = line.get("class"), line.get("label")
        if said is None and own >= 0:
            said = self.source.classes[own]
        if said is not None and str(said) in self.classes:
            return self.classes.index(str(said))
        return int(number) if isinstance(number, int) and 0 <= number < len(self.classes) else -1


def manifest(folder: Path) -> dict[str, dict]:
    """The lines of `manifest.jsonl` by file name; none where there is no such file. Raises ValueError for a bad one."""
    path = folder / "manifest.jsonl"
    if not path.is_file():
        return {}
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        return {Path(line["file"]).name: line for line in lines}
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not a manifest of samples") from None
