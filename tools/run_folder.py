"""The run folder: where a training lives, and what may be done with one that exists.

runs/NAME/
    recipe.yaml     the recipe as it was started, with what was measured from the data
    log.jsonl       one line per `log.every` steps
    checkpoints/    see tools.checkpoint
    samples/        sheets and samples
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import discover
from modalities.condition import PACKAGE
from modalities.writing import write_bytes
from tools import checkpoint
from tools import recipe as recipes
from tools.schema import Options, Recipe


def claim(recipe: Recipe) -> tuple[Recipe | None, Path | None]:
    """The recipe and the newest checkpoint of the run that `recipe` continues; None for what is not there.

    Raises ValueError where `resume` forbids what is found, where the folder belongs to another recipe, or where it
    holds files but no run.
    """
    run = Path(recipe.run)
    if run.exists() and not run.is_dir():
        raise ValueError(f"run={run} is a file, not a folder")
    if not (run / "recipe.yaml").exists():
        if recipe.resume == "must":
            raise ValueError(f"resume=must, but {run} holds no run")
        if run.is_dir() and any(run.iterdir()):
            raise ValueError(f"run={run} is a folder with other files in it: choose another run=")
        return None, None
    if recipe.resume == "never":
        raise ValueError(f"resume=never, but {run} already holds a run: choose another run=")
    stored, folder = recipes.read(run / "recipe.yaml"), checkpoint.latest(run)
    if folder is None and recipe.resume == "must":
        raise ValueError(f"resume=must, but {run} has no checkpoint")
    check_same(recipe, stored, run)
    return stored, folder


def check_same(recipe: Recipe, stored: Recipe, run: Path) -> None:
    """Raise ValueError unless `recipe` trains what `stored` trained; what it leaves to be measured may stay open."""
    recipe = continued(recipe, stored)
    differs = recipes.difference(stored, recipe)
    if differs:
        key, more = differs[0], f" (and {len(differs) - 1} more differ)" if len(differs) > 1 else ""
        key = "latents" if key == "latent_space.fingerprint" else key
        was, says = recipes.value(stored, key), recipes.value(recipe, key)
        raise ValueError(f"{run} was trained with {key}={was}, this command says {says}{more}: choose another run=")


def continued(recipe: Recipe, stored: Recipe) -> Recipe:
    """`recipe` with what it leaves open taken from the run that it continues (see `tools.measure`)."""
    precision = stored.precision if recipe.precision == "auto" else recipe.precision
    scale = {"scale": stored.media.get("scale")} if recipe.media.get("scale", 1.0) is None else {}
    patch = {"patch": stored.network.get("patch")} if recipe.network.get("patch", 1) is None else {}
    conditional = recipe.data.class_conditional and stored.data.class_conditional
    return dataclasses.replace(
        recipe,
        precision=precision,
        media=recipe.media | scale,
        network=recipe.network | patch,
        latent_space=_as_stored(recipe.latent_space, stored.latent_space, "shift", "scale"),
        denoiser=_as_stored(recipe.denoiser, stored.denoiser, "sigma_data", "prediction"),
        loss=_as_stored(recipe.loss, stored.loss, "weighting", "density"),
        data=dataclasses.replace(
            recipe.data,
            classes=stored.data.classes,
            class_conditional=conditional,
            examples=stored.data.examples,
        ),
        conditions={name: filled(node, stored.conditions.get(name, {})) for name, node in recipe.conditions.items()},
    )


def _as_stored(part: Any, stored: Any, *names: str) -> Any:
    """A part of a recipe; of `names`, what it leaves open is as the run has it."""
    return dataclasses.replace(part, **{n: getattr(part, n) or getattr(stored, n) for n in names})


def filled(node: Options, stored: Options) -> Options:
    """A condition with the options that were measured when its run began; itself where that was of another kind."""
    if node["name"] != stored.get("name"):
        return node
    measured = discover.resolve(PACKAGE, node["name"]).measured
    return node | {key: stored[key] for key in measured if node.get(key) is None and key in stored}


def store(recipe: Recipe, run: Path) -> None:
    """Write `recipe.yaml` into the run folder."""
    run.mkdir(parents=True, exist_ok=True)
    recipes.save(recipe, run / "recipe.yaml")


class Log:
    """`log.jsonl`: appended line by line, each whole; lines after `step` (of a sitting that was killed) are dropped."""

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / "log.jsonl"
        kept = [line for line in read_log(run) if line["step"] <= step]
        write_bytes("".join(json.dumps(line) + "\n" for line in kept).encode(), self.path)

    def write(self, line: Mapping[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(dict(line)) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's log; a last line that a kill cut short is left out."""
    path = run / "log.jsonl"
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines
