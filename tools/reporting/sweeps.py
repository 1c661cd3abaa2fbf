"""Evaluations that a report asks for: quality against the number of steps, and against the scale of guidance.

Each is what `tools/evaluate.py` would do and lies where it would put it; one that is there already is not done again.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.training.distributed import World
from tools import build
from tools.evaluation import command, run
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
            if there(task):
                continue
            say(f"{of.name}: measuring {' '.join(words) or 'it as it was trained'}")
            if goal is None:
                media = build.modality(dataclasses.replace(task.recipe, latents=None))
                goal = run.target(task.recipe, task.data, task.recipe.evaluate.n, media, world, say)
            run.evaluate(task, world, lambda line: None, goal)


def drawable(recipe: Recipe) -> bool:
    """Whether there is anything to be drawn from: of an autoencoder only where it is a VAE."""
    return recipe.stage != "autoencoder" or has_prior(recipe)


def there(task: command.Task) -> bool:
    """Whether this very evaluation has been done."""
    try:
        found = json.loads((task.out / "evaluation.json").read_text())
        return bool({"asked": found["asked"], "data": found["data"], "split": found["split"]} == same(task))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def same(task: command.Task) -> dict[str, Any]:
    return json.loads(json.dumps({"asked": run.asked(task), **run.origin(task)}))
