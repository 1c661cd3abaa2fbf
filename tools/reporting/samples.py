"""Samples of each run from the same seeds, in a folder of the run that is the report's own."""

from collections.abc import Callable, Sequence
from pathlib import Path

from core.training.distributed import World
from tools import build, sample, sample_folder, stage
from tools import recipe as recipes
from tools.evaluation import stream
from tools.reporting.runs import Run
from tools.reporting.sweeps import drawable

SOUNDS = 4
"""Of the sounds of a run, so many can be heard on the page."""


def fill(runs: Sequence[Run], count: int, world: World, say: Callable[[str], None]) -> dict[str, list[Path]]:
    """What is to be shown of each run by its name: a sheet, and some of the sounds. Samples that are there are kept."""
    shown: dict[str, list[Path]] = {}
    for run in runs:
        if run.checkpoint is None or not count or not drawable(run.recipe):
            continue
        stored = recipes.read(run.checkpoint / "recipe.yaml")
        recipe = recipes.overlay(stored, [f"run={run.folder}", f"n={count}"])
        media, named = build.modality(recipe), sample.default_out(recipe, run.checkpoint)
        out = named.with_name(f"report-{count}-of-{named.name}")
        if len(stream.manifest(out)) != count:
            say(f"{run.name}: drawing {count} samples")
            draw = stage.of(recipe).restored(recipe, media, run.checkpoint, world.device)
            sample_folder.fill(recipe, draw, media, out, checkpoint=run.checkpoint.name, world=world)
        sounds = sorted(out.glob("*.wav"))[:SOUNDS]
        shown[run.name] = [out / sample_folder.sheet_name(media), *sounds]
    return shown
