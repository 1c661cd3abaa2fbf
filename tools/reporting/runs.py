"""What the folder of a run holds, read for a report."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools import checkpoint, run_folder
from tools import recipe as recipes
from tools.evaluation import during, table
from tools.schema import Recipe


@dataclass(frozen=True)
class Run:
    """A run by the name that tells it from the others; `number` gives its colour."""

    number: int
    name: str
    folder: Path
    recipe: Recipe

    @cached_property
    def checkpoint(self) -> Path | None:
        return checkpoint.latest(self.folder)

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        return run_folder.read_log(self.folder)

    @cached_property
    def quality(self) -> list[dict[str, Any]]:
        """What was measured while it trained."""
        return during.lines(self.folder)

    def evaluations(self) -> list[dict[str, Any]]:
        """The reports under `evaluations/`, oldest first; what is not a report is passed over."""
        found = []
        for path in sorted(self.folder.glob("evaluations/*/evaluation.json"), key=lambda p: p.stat().st_mtime):
            with contextlib.suppress(ValueError):
                found.append(table.read(path))
        return found


def read(folders: Sequence[str]) -> list[Run]:
    """Raises ValueError, in one line, for a folder that is no run, and for one that is named twice."""
    if not folders:
        raise ValueError("say which runs to report on: report runs/A runs/B")
    paths = [Path(folder).expanduser() for folder in folders]
    for path in paths:
        if not (path / "recipe.yaml").is_file():
            raise ValueError(f"{path} holds no run: there is no recipe.yaml in it")
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError("a run is named twice")
    names = short([path.resolve() for path in paths])
    return [
        Run(number, name, path, recipes.read(path / "recipe.yaml"))
        for number, (name, path) in enumerate(zip(names, paths, strict=True))
    ]


def short(paths: Sequence[Path]) -> list[str]:
    """The ends of some paths, with as many folders before them as it takes to tell them apart."""
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]
