"""Evaluations that a report asks for: quality against the number of steps, and against the scale of guidance.

Each is what `tools/evaluate.py` would do and lies where it would put it; one that is there already is not done again.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.training.distributed import World
from tools import build
from tools.evaluation import command, run
from tools.evaluation.score import Target
from tools.reporting.runs import Run
from tools.schema import Recipe
from tools.stages.autoencoder import has_prior

SWEEPS = ("steps", "guidance")


@dataclass(frozen=True)
class Plan:
    """What to vary, and `words`: keys of an evaluation that hold for all."""

    sweeps: Sequence[str]
    samplers: Sequence[str]
    steps: Sequence[int]
    scales: Sequence[float]
    words: Sequence[str]


def settings(plan: Plan, of: Run) -> Iterator[list[str]]:
    """The command line of each evaluation beside `run=`; the first is as the recipe says, and the only one of a GAN."""
    yield []
    if of.recipe.stage != "diffusion":
        return
    if "steps" in plan.sweeps:
        for sampler in plan.samplers or [of.recipe.sampler.name]:
            for steps in plan.steps:
                yield [f"sampler={sampler}", f"sampler.steps={steps}"]
    if "guidance" in plan.sweeps and (of.recipe.data.class_conditional or of.recipe.conditions):
        yield from ([f"guidance.scale={scale:g}"] for scale in plan.scales)


def fill(plan: Plan, runs: Sequence[Run], world: World, say: Callable[[str], None]) -> None:
    """Do what is not there yet. Raises ValueError for a setting that an evaluation would refuse."""
    for of in runs:
        if of.checkpoint is None or not drawable(of.recipe):
            continue
        goal = None
        for words in settings(plan, of):
            task = command.task([f"run={of.folder}", *plan.words, *words])
            if there(task.out / "evaluation.json", task.recipe.evaluate.real):
                continue
            say(f"{of.name}: measuring {' '.join(words) or 'it as it was trained'}")
            goal = goal or _target(task, world, say)
            run.evaluate(task, world, lambda line: None, goal)


def drawable(recipe: Recipe) -> bool:
    """Whether there is anything to be drawn from: of an autoencoder only where it is a VAE."""
    return recipe.stage != "autoencoder" or has_prior(recipe)


def _target(task: command.Task, world: World, say: Callable[[str], None]) -> Target:
    media = build.modality(dataclasses.replace(task.recipe, latents=None))
    source = media.source(task.data, task.recipe.evaluate.split)
    return run.target(task, task.recipe.evaluate.n, media, source, world, say)


def there(path: Path, real: int) -> bool:
    """Whether this evaluation, against so many real examples, has been done."""
    try:
        return bool(json.loads(path.read_text())["asked"]["real"] == real)
    except (OSError, ValueError, KeyError, TypeError):
        return False
