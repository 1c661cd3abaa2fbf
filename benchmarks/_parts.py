"""The parts of a long benchmark: each is done once and kept in a file, so that a benchmark that was killed goes on.

    done = part(out / "gan-0" / "training.json", settings, lambda: trained(words))

A training that was cut continues from its checkpoint; `settings` say what the file is the result of.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from modalities.modality import Modality
from modalities.writing import write_bytes
from tools import build, checkpoint, messages, stage, train
from tools import recipe as recipes
from tools.evaluation import score
from tools.evaluation.stream import Part
from tools.sampling import plan
from tools.schema import Recipe
from tools.training import autocast

METRICS = ("frechet", "precision", "recall", "density", "coverage", "accuracy")


@dataclass(frozen=True)
class Words:
    """The words of a command line: those of the benchmark itself, and those that it hands on."""

    own: dict[str, str]
    rest: list[str]

    def __getitem__(self, name: str) -> str:
        return self.own[name]

    def number(self, name: str, least: float) -> float:
        """A number of at least `least`; ValueError otherwise."""
        try:
            value = float(self.own[name])
        except ValueError:
            value = float("nan")
        if not least <= value < math.inf:
            raise ValueError(f"{name}={self.own[name]} must be a number of at least {least:g}")
        return value

    def count(self, name: str) -> int:
        value = self.number(name, 1)
        if value != int(value):
            raise ValueError(f"{name}={self.own[name]} must be a whole number")
        return int(value)

    def check(self, *counts: str) -> None:
        """That `minutes` and these counts are numbers, before anything is trained."""
        self.number("minutes", 0.01)
        for name in counts:
            self.count(name)

    def chosen(self, name: str, known: Sequence[str]) -> list[str]:
        """A list of names, separated by commas, of those that are known."""
        names = [word for word in self.own[name].split(",") if word]
        if not names or set(names) - set(known):
            raise ValueError(f"{name}={self.own[name]} must be some of {','.join(known)}")
        return names


def words(argv: Sequence[str], defaults: Mapping[str, str], needed: Sequence[str] = ()) -> Words:
    """`key=value` words: keys of `defaults` are the benchmark's own. ValueError for what is missing or no such word."""
    own, rest = dict(defaults), []
    for word in argv:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"argument {word!r} is not key=value")
        if key in defaults:
            own[key] = value
        else:
            rest.append(word)
    if missing := [name for name in needed if not own[name]]:
        raise ValueError(f"say {', '.join(f'{name}=' for name in missing)}")
    return Words(own, rest)


def part(path: Path, settings: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result in `path`, made now where there is none. ValueError where it is one of other settings."""
    said = json.loads(json.dumps(dict(settings)))
    if path.is_file():
        found = json.loads(path.read_text())
        if found["settings"] != said:
            changed = [key for key in {**found["settings"], **said} if found["settings"].get(key) != said.get(key)]
            raise ValueError(f"{path} is the result of another {', '.join(sorted(changed))}: choose another out=")
        return found["result"]
    result = make()
    text = json.dumps({"settings": said, "result": result}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(text.encode(), path)
    return result


def trained(run: Path, argv: Sequence[str]) -> dict[str, Any]:
    """Train from the words of a command line until their budget is used; what it took.

    KeyboardInterrupt where the training was interrupted: its checkpoint is written, the next call continues it.
    """
    if train.train([*argv, f"run={run}"]) == messages.INTERRUPTED:
        raise KeyboardInterrupt
    folder = checkpoint.latest(run)
    assert folder is not None
    counters, recipe = checkpoint.training_state(folder)[0], recipes.read(run / "recipe.yaml")
    weights = checkpoint.weights(folder, "model")
    return {
        "steps": counters.step,
        "seconds": round(counters.seconds, 1),
        "examples": counters.step * recipe.train.batch,
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "threads": torch.get_num_threads(),
        "device": str(build.device(recipe.device)),
    }


def overlaid(folder: Path, argv: Sequence[str]) -> tuple[Recipe, Modality]:
    """The recipe of a checkpoint under the words of sampling, and its media."""
    recipe = recipes.overlay(recipes.read(folder / "recipe.yaml"), argv)
    return recipe, build.modality(recipe)


def samples(folder: Path, argv: Sequence[str]) -> Iterator[Part]:
    """What `tools/sample.py` would draw from a checkpoint with these words, as the stream of an evaluation."""
    recipe, media = overlaid(folder, argv)
    device = build.device(recipe.device)
    draw = stage.of(recipe).restored(recipe, media, folder, device)
    with autocast(recipe, device)():
        for some, x0 in draw(plan(recipe, media)):
            stored = media.decode(x0.float()).cpu()
            numbers, labels = ([getattr(s, name) for s in some] for name in ("number", "label"))
            yield Part(torch.tensor(numbers), stored, torch.tensor(labels))


def goal_of(folder: Path, data: Path | None, *, n: int, real: int, say: Callable[[str], None] = print) -> score.Target:
    """The real examples that samples of this run and all like it are compared with, floor included."""
    _, media = overlaid(folder, [])
    return score.target(
        media, media.source(data, "train"), samples=n, real=real, name=data.name if data else media.name, say=say
    )


def scores(goal: score.Target, parts: Iterator[Part], metrics: Sequence[str] = METRICS) -> dict[str, Any]:
    """Values and floors by metric, and the seconds that drawing and scoring took."""
    started = time.monotonic()
    found = score.scored(goal, parts, metrics=metrics)
    assert found is not None
    return {
        "values": {name: value.value for name, value in found.values.items()},
        "intervals": {name: [value.low, value.high] for name, value in found.values.items()},
        "floors": {name: value.value for name, value in found.floors.items()},
        "network": f"{goal.network.name} {goal.network.identity}",
        "n": found.samples.count,
        "real": found.real.count,
        "seconds": round(time.monotonic() - started, 1),
    }
