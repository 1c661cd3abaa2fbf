"""Quality while training: `evaluate.every=N` measures samples of the averaged weights every N steps.

<run>/quality.jsonl   a line per measurement: step, seconds of training, values, floors, seconds that it took
<run>/quality.png     the distance against the time of training
<run>/best/           the checkpoint of the least distance, a run folder of its own: tools/sample.py run=<run>/best

The clock of the training stands still meanwhile, and its random numbers are functions of the step: measuring changes
nothing but the checkpoints, of which there is one for every measurement.
"""

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modalities.writing import write_bytes
from tools import build, checkpoint, stage
from tools.evaluation import command, measures, score
from tools.evaluation.figure import INK, REAL, SAMPLES, save
from tools.evaluation.run import check_fitting, parts_of, target
from tools.stage import Stage

LINES = "quality.jsonl"


class Quality:
    """What it measures against is looked at when it is made, so that a mistake is said before the first step.

    Call it after every step; it measures when one is due and returns the seconds that this took.
    """

    def __init__(self, training: Stage, say: Callable[[str], None]) -> None:
        self.training, self.say, self.recipe = training, say, training.recipe
        self.run = Path(training.recipe.run)
        self.every = training.recipe.evaluate.every
        self.goal: score.Target | None = None
        if self.every:
            if training.world.first:
                _write([line for line in lines(self.run) if line["step"] <= training.counters.step], self.run)
            media = build.modality(dataclasses.replace(self.recipe, latents=None))
            data, options = self.recipe.data.path, self.recipe.evaluate
            self.goal = target(self.recipe, Path(data) if data else None, options.n, media, training.world, say)
            check_fitting(self.recipe, self.goal, training.world, labelled=self.recipe.data.class_conditional)

    def __call__(self, step: int) -> float:
        if self.goal is None or not self.every or step % self.every:
            return 0.0
        started, seconds = time.monotonic(), self.training.seconds()
        world, options = self.training.world, self.recipe.evaluate
        if world.first:
            self.training.save()  # first of all: it stores the time of the training
        world.barrier()
        folder = checkpoint.latest(self.run)
        assert folder is not None
        recipe = dataclasses.replace(self.recipe, sample=dataclasses.replace(self.recipe.sample, n=options.n))
        draw = stage.of(recipe).restored(recipe, self.training.media, folder, world.device)
        parts = parts_of(recipe, draw, self.training.media, world, self.goal.source.classes)
        result = score.scored(self.goal, parts, metrics=command.wanted(self.recipe), world=world)
        if result is not None:
            self._keep(result, folder, step, seconds, time.monotonic() - started)
        world.barrier()
        spent = time.monotonic() - started
        self.training.budget.paused(spent)
        return spent

    def _keep(self, result: score.Result, folder: Path, step: int, seconds: float, took: float) -> None:
        """Append the line, draw the curve, keep the checkpoint where it is the best so far."""
        before = lines(self.run)
        line = {
            "step": step,
            "seconds": round(seconds, 3),
            **{name: value.value for name, value in result.values.items()},
            "floors": {name: value.value for name, value in result.floors.items()},
            "samples": result.samples.count,
            "features": result.network.identity,
            "took": round(took, 3),
        }
        _write([*before, line], self.run)
        leading = next(iter(result.values), None)
        if leading is None:
            return
        curve([*before, line], self.run / "quality.png")
        self.say(f"step {step}: {leading} {result.value(leading):.4g}, {took:.0f} s")
        if leading == "frechet" and all(line["frechet"] < old.get("frechet", float("inf")) for old in before):
            keep(folder, self.run / "best")


def lines(run: Path) -> list[dict[str, Any]]:
    """The measurements of a run, oldest first."""
    path = run / LINES
    return [json.loads(text) for text in path.read_text().splitlines()] if path.is_file() else []


def metrics_of(line: dict[str, Any]) -> list[str]:
    """The metrics that were measured, the leading one first."""
    return [name for name in measures.names() if name in line]


def _write(kept: list[dict[str, Any]], run: Path) -> None:
    write_bytes("".join(json.dumps(line) + "\n" for line in kept).encode(), run / LINES)


def keep(folder: Path, best: Path) -> None:
    """Put a copy of a checkpoint, as a run of its own, in the place of an earlier one: whole, or not at all."""
    draft, old = (best.with_name(f".{best.name}-{word}-{os.getpid()}") for word in ("new", "old"))
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    shutil.copytree(folder, draft / "checkpoints" / folder.name)
    shutil.copy(folder / "recipe.yaml", draft / "recipe.yaml")
    if (best.parent / "autoencoder").is_dir():
        shutil.copytree(best.parent / "autoencoder", draft / "autoencoder")
    if best.exists():
        best.rename(old)
    draft.rename(best)
    shutil.rmtree(old, ignore_errors=True)


def curve(measured: list[dict[str, Any]], path: Path) -> None:
    """The first metric of the lines against the minutes of training, with its floor."""
    from matplotlib.figure import Figure

    name = metrics_of(measured[-1])[0]
    drawing = Figure(figsize=(5.2, 3.4), dpi=100, layout="constrained")
    axis = drawing.subplots()
    rows = [line for line in measured if name in line]
    axis.plot([r["seconds"] / 60 for r in rows], [r[name] for r in rows], color=SAMPLES, marker="o", markersize=4)
    floor = measured[-1]["floors"].get(name)
    if floor is not None:
        axis.axhline(floor, color=REAL, linewidth=1)
        axis.annotate("real examples", (1, floor), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                      fontsize=8, color=INK)  # fmt: skip
    if all(r[name] > 0 for r in rows) and (floor is None or floor > 0):
        axis.set_yscale("log")
    axis.set_xlabel("minutes of training", fontsize=9, color=INK)
    axis.set_ylabel(name, fontsize=9, color=INK)
    save(drawing, path)
