"""An evaluation from its task to its files: `evaluation.json`, `features.png`, and sheets of what was compared."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.training.distributed import World
from modalities.data.example import Source
from modalities.modality import Modality
from tools import build, guidance, sampling, stage
from tools.evaluation import command, figure, held_out, measures, memory, score, stream, table
from tools.evaluation.command import Task
from tools.evaluation.measures import Value
from tools.evaluation.score import Result, Target
from tools.evaluation.stream import Part
from tools.restored import restored
from tools.sample_folder import SHEET, sheet_name
from tools.schema import Recipe
from tools.training import autocast

Say = Callable[[str], None]


def evaluate(task: Task, world: World, say: Say, goal: Target | None = None) -> dict[str, Any] | None:
    """All that the task asks for; the report, on the first process. `say` is told what takes long.

    `goal` spares looking at the real examples again where several tasks of one count are compared with the same.
    """
    started = time.monotonic()
    media = build.modality(dataclasses.replace(task.recipe, latents=None))
    source = goal.source if goal else media.source(task.data, task.recipe.evaluate.split)
    files = None if task.samples is None else stream.Files(task.samples, media, source.classes)
    count = task.recipe.evaluate.n if files is None else min(len(files), task.n or len(files))
    if not count:
        raise ValueError(f"samples={task.samples} holds no {media.name} samples")
    others = Others(task, media, world, say)
    others.check()
    goal = goal or target(task.recipe, task.data, count, media, world, say, source=source)
    check_fitting(task.recipe, goal, world, labelled=files.labelled if files else task.recipe.data.class_conditional)
    if task.against:
        table.comparable(table.identity(goal.network, count, goal.real.count) | origin(task), task.against, "against")
    seen = Seen()
    parts = drawn(task, count, world, source.classes) if files is None else files.parts(world, count)
    result = score.scored(goal, parts, metrics=task.metrics, world=world, watch=seen)
    for line in files.bad if files else ():
        say(f"left out an unreadable file: {line}")
    others.take(seen)
    if result is None:
        return None
    if seen.parts and files is None:
        media.sheet(seen.joined()[:SHEET], task.out / f"samples{Path(sheet_name(media)).suffix}")
    return written(task, media, result, others.values, time.monotonic() - started, say)


def target(
    recipe: Recipe,
    data: Path | None,
    count: int,
    media: Modality,
    world: World,
    say: Say,
    *,
    source: Source | None = None,
) -> Target:
    """What `count` samples are compared with, as `recipe.evaluate` says. `source`: the data, where they are open.

    Raises ValueError where they are too few for the features, or a metric is none.
    """
    options = recipe.evaluate
    command.check_metrics(options.metrics)
    goal = score.target(
        media,
        source or media.source(data, options.split),
        samples=count,
        real=options.real,
        name=data.name if data else f"embedded {media.name}",
        features=options.features,
        weights=options.weights,
        options=options.call,
        floor=options.floor,
        world=world,
        say=say,
    )
    if "frechet" in (command.wanted(recipe) or ["frechet"]) and world.first:
        measures.enough(count, goal.real.count, goal.network.width)
    return goal


def check_fitting(recipe: Recipe, goal: Target, world: World, *, labelled: bool) -> None:
    """Raises ValueError for a metric that is asked for by name and cannot be taken, before anything is drawn."""
    if world.first:
        lacks = score.fitting(goal, labelled=labelled)
        for name in command.wanted(recipe) or ():
            if lacks.get(name):
                raise ValueError(f"{name} {lacks[name]}")


class Seen:
    """The first of this process's samples as they stream by, for sheets and for the search of copies."""

    def __init__(self) -> None:
        self.parts: list[tuple[Tensor, Tensor]] = []
        """Numbers and media."""

    def __call__(self, part: Part) -> None:
        if sum(len(numbers) for numbers, _ in self.parts) < memory.QUERIES:
            self.parts.append((part.numbers, part.media.cpu()))

    def joined(self) -> Tensor:
        return torch.cat([media for _, media in self.parts])

    def everyone(self, world: World, count: int) -> Tensor:
        """The first `count` samples of all processes, on each of them."""
        parts = [part for some in world.shared(self.parts) for part in some]
        order = torch.cat([numbers for numbers, _ in parts]).argsort()[:count]
        return torch.cat([media for _, media in parts])[order]


def drawn(task: Task, count: int, world: World, classes: Sequence[str]) -> Iterator[Part]:
    """This process's share of `count` samples of a run."""
    assert task.checkpoint is not None
    recipe = dataclasses.replace(task.recipe, sample=dataclasses.replace(task.recipe.sample, n=count))
    media = build.modality(recipe)
    draw = stage.of(recipe).restored(recipe, media, task.checkpoint, world.device)
    yield from parts_of(recipe, draw, media, world, classes)


def parts_of(recipe: Recipe, draw: stage.Draw, media: Modality, world: World, classes: Sequence[str]) -> Iterator[Part]:
    """This process's share of the samples that a recipe asks for, decoded; labels by the names of `classes`."""
    places = [list(classes).index(name) if name in classes else -1 for name in recipe.data.classes]
    mine = sampling.plan(recipe, media)[world.rank :: world.size]
    with autocast(recipe, world.device)():
        for some, x0 in draw(mine):
            numbers = torch.tensor([sample.number for sample in some])
            labels = torch.tensor([places[sample.label] if sample.label >= 0 else -1 for sample in some])
            yield Part(numbers, media.decode(x0.float()).cpu(), labels)


class Others:
    """The metrics that need more than two sets of features; `values` by name, pictures into the folder of the task."""

    def __init__(self, task: Task, media: Modality, world: World, say: Say) -> None:
        self.task, self.media, self.world, self.say = task, media, world, say
        self.values: dict[str, Value] = {}

    def check(self) -> None:
        """Refuse what cannot be taken before anything is drawn. With `metrics=all` that is left out later."""
        for name in table.OTHERS:
            if name in (self.task.recipe.evaluate.metrics or []):
                self._possible(name)

    def _possible(self, name: str) -> None:
        """ValueError, in words, where the metric cannot be taken."""
        task = self.task
        if name != "memorisation" and (task.checkpoint is None or task.recipe.stage != "diffusion"):
            raise ValueError(f"{name} is a matter of a diffusion model: give run=runs/NAME of one")
        if name == "likelihood":
            held_out.integers(task.recipe, self.media)
        self._held_out()

    def take(self, seen: Seen) -> None:
        """Those that are asked for. With `metrics=all` what cannot be taken is named and left out."""
        for name in table.OTHERS:
            if self.task.wants(name):
                try:
                    self._possible(name)
                    getattr(self, name)(seen)
                except ValueError as error:
                    if "all" not in (self.task.recipe.evaluate.metrics or []):
                        raise
                    self.say(f"no {name}: {error}")

    def likelihood(self, seen: Seen) -> None:
        recipe, media = self.task.recipe, build.modality(self.task.recipe)
        denoiser = self._denoiser(media)
        self._keep("likelihood", held_out.likelihood(recipe, denoiser, media, self._held_out(), self.world))

    def reconstruction(self, seen: Seen) -> None:
        recipe, media = self.task.recipe, build.modality(self.task.recipe)
        denoiser = self._denoiser(media)
        value, shown = held_out.reconstruction(recipe, denoiser, media, self._held_out(), self.world)
        self._keep("reconstruction", value)
        if self.world.first and len(shown):
            words = ["held out", "from its noise"] * (len(shown) // 2)
            self.media.sheet(shown, self.task.out / f"reconstruction{Path(sheet_name(self.media)).suffix}", words)

    def memorisation(self, seen: Seen) -> None:
        samples = seen.everyone(self.world, memory.QUERIES)
        train = self.media.source(self.task.data, "train")
        found = memory.memory(self.media, samples, train, self._held_out(), self.world)
        if found is None:
            return
        self._keep("memorisation", found.ratio)
        words = [word for d in found.distances for word in (f"sample, {d:.2g} from", "training data")]
        self.media.sheet(found.pairs, self.task.out / f"neighbours{Path(sheet_name(self.media)).suffix}", words)

    def _held_out(self) -> Source:
        return self.media.source(self.task.data, "test")

    def _denoiser(self, media: Modality) -> Any:
        assert self.task.checkpoint is not None
        return restored(self.task.recipe, media, self.task.checkpoint, self.world.device)

    def _keep(self, name: str, value: Value | None) -> None:
        if value is not None:
            self.values[name] = value


def written(
    task: Task, media: Modality, result: Result, others: dict[str, Value], seconds: float, say: Say
) -> dict[str, Any]:
    """The report, in its files."""
    network = result.network
    notes = [*([task.note] if task.note else []), *result.notes]
    report = table.report(
        dataclasses.replace(result, notes=notes),
        others,
        frames=media.event_shape[1] if media.name == "video" else None,
        about={
            "modality": media.name,
            "media": {k: v for k, v in task.recipe.media.items() if v is not None},
            "evaluated": str(task.samples or task.checkpoint),
            "asked": asked(task),
            **origin(task),
            "seed": task.recipe.seed,
            "seconds": round(seconds, 1),
        },
    )
    table.save(report, task.out / "evaluation.json")
    figure.figure(result, task.out / "features.png")
    against_what = f"{result.real.count} real examples of {report['data']}, {report['split']}"
    say(f"{result.samples.count} samples against {against_what}")
    say(f"features: {network.name} {network.identity}, {network.width} wide")
    for line in (*table.lines(report, task.against), *(f"note: {note}" for note in notes)):
        say(line)
    say(f"wrote {task.out} in {seconds:.0f} s")
    return report


def origin(task: Task) -> dict[str, str]:
    """Where the real examples are from."""
    return {"data": str(task.data or "embedded"), "split": task.recipe.evaluate.split}


def asked(task: Task) -> dict[str, Any] | None:
    """How the samples of a run were to be drawn and compared; None for a folder of samples."""
    if task.checkpoint is None:
        return None
    recipe = task.recipe
    options = dataclasses.asdict(recipe.evaluate)
    how: dict[str, Any] = {key: options[key] for key in ("n", "real", "features", "weights", "call", "metrics")}
    if recipe.stage == "diffusion":
        how |= {"sampler": recipe.sampler.name, "steps": recipe.sampler.steps, "grid": recipe.sampler.grid}
        how |= {"sampler_options": recipe.sampler.options, "path": recipe.sampler.path}
        how |= {"guidance": recipe.guidance.scale, "guidance_settings": guidance.settings(recipe.guidance)}
    return how
