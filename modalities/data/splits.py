"""Which files are for training and which for testing, by the words in their names or folders."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}
FALLBACK = {"train": ("train",), "val": ("val", "test"), "test": ("test", "val")}
"""Where a split is absent the other held-out one stands in; training data never does."""

EMBEDDED = {"train": (50_000, 0), "val": (2_000, 1), "test": (2_000, 2)}


def embedded(split: str) -> tuple[int, int]:
    """Length and seed of the embedded examples of `split`. Raises ValueError for an unknown one."""
    if split not in EMBEDDED:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(EMBEDDED)}")
    return EMBEDDED[split]


def split_of(name: str) -> str:
    """The split that one of the words of a file's or folder's name says, or an empty string."""
    for word in re.split(r"[^a-z]+", name.lower()):
        for split, words in WORDS.items():
            if word in words:
                return split
    return ""


def choose(parts: Mapping[str, T], split: str, where: object) -> T:
    """The part of `split`; unnamed parts (key "") are training data. Raises ValueError where there is none."""
    if split not in WORDS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(WORDS)}")
    for name in FALLBACK[split]:
        if name in parts:
            return parts[name]
    raise ValueError(f"{where} has no {split} split; it has {', '.join(sorted(parts))}")


def group_files(files: Iterable[Path], root: Path) -> dict[str, list[Path]]:
    """Shards by split: the word in their own name, else in a folder between `root` and them, else «train»."""
    groups: dict[str, list[Path]] = {}
    for file in files:
        parts: Sequence[str] = file.relative_to(root).parts if file != root else (file.name,)
        found = next((s for s in map(split_of, reversed(parts)) if s), "train")
        groups.setdefault(found, []).append(file)
    return groups
