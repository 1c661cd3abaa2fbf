"""A folder of samples: one file each, a sheet for the eye, and `manifest.jsonl`, one line per file.

    out/000000.png  out/000001.png  …  out/sheet.png  out/manifest.jsonl

A line names the file and everything that made it: seed, label, prompt and what else was asked, sampler, steps,
guidance, checkpoint, recipe.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from core.training.distributed import World
from modalities.modality import Modality
from modalities.writing import write_bytes
from tools import asked, guidance
from tools.references.shapes import stacked
from tools.sampling import Sample, plan
from tools.schema import Recipe
from tools.stage import Draw
from tools.training import autocast

SHEET = 64
"""A sheet shows at most so many samples."""

DENOISED = ("sampler", "sampler_options", "grid", "path", "steps", "score_scale", "guidance", "guidance_options")
"""Entries of the manifest that mean nothing where a sample takes one pass of a network; null there."""


def fill(
    recipe: Recipe,
    draw: Draw,
    media: Modality,
    out: Path,
    *,
    checkpoint: str,
    world: World,
    done: Callable[[int], None] = lambda count: None,
) -> None:
    """Draw the samples that the recipe asks for and write them; `done(k)` is told that about k in all are written.

    Several processes share the samples; the first one writes sheet and manifest.
    """
    samples = plan(recipe, media)
    if world.first:
        clear(out)
    world.barrier()
    mine = samples[world.rank :: world.size]
    shown: list[tuple[int, Tensor]] = []
    lines: list[dict[str, Any]] = []
    with autocast(recipe, world.device)():
        for some, x0 in draw(mine):
            for sample, example in zip(some, media.decode(x0.float()).cpu(), strict=True):
                name = f"{sample.number:06d}{media.suffix}"
                media.write(example, out / name)
                lines.append(line(recipe, sample, name, checkpoint))
                if sample.number < SHEET:
                    shown.append((sample.number, example))
            done(min(len(samples), len(lines) * world.size))
    gathered_lines, gathered_shown = world.gathered(lines), world.gathered(shown)
    if world.first:
        ordered = sorted((pair for part in gathered_shown for pair in part), key=lambda pair: pair[0])
        captions = [caption(recipe, samples[number]) for number, _ in ordered]
        media.sheet(stacked([example for _, example in ordered]), out / sheet_name(media), captions)
        manifest = sorted((entry for part in gathered_lines for entry in part), key=lambda entry: entry["file"])
        write_bytes("".join(json.dumps(entry) + "\n" for entry in manifest).encode(), out / "manifest.jsonl")


def sheet_name(media: Modality) -> str:
    return "sheet.mp4" if media.suffix == ".mp4" else "sheet.png"


def caption(recipe: Recipe, sample: Sample) -> str:
    """What is asked of a sample, in words."""
    return ", ".join(words for words in (class_of(recipe, sample), asked.words_of(sample.words)) if words)


def class_of(recipe: Recipe, sample: Sample) -> str:
    return recipe.data.classes[sample.label] if sample.label >= 0 else ""


def line(recipe: Recipe, sample: Sample, name: str, checkpoint: str) -> dict[str, Any]:
    """The manifest entry of one file."""
    entry = {
        "file": name,
        "seed": sample.seed,
        "label": sample.label if sample.label >= 0 else None,
        "class": class_of(recipe, sample) or None,
        "conditions": dict(sample.words),
        "negative_prompt": recipe.sample.negative_prompt,
        "sampler": recipe.sampler.name,
        "sampler_options": recipe.sampler.options,
        "grid": recipe.sampler.grid,
        "path": recipe.sampler.path,
        "steps": recipe.sampler.steps,
        "noise_scale": recipe.sampler.noise_scale,
        "score_scale": recipe.sampler.score_scale,
        "guidance": recipe.guidance.scale,
        "guidance_options": guidance.settings(recipe.guidance),
        "weights": recipe.sample.weights,
        "sigma_rel": recipe.sample.sigma_rel,
        "checkpoint": checkpoint,
        "recipe": recipe.recipe or recipe.modality,
        "modality": recipe.modality,
    }
    return entry if recipe.stage == "diffusion" else entry | dict.fromkeys(DENOISED)


def clear(out: Path) -> None:
    """Make `out` ready: samples of an earlier manifest are removed; a folder with other files in it is refused."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"out={out} is a file, not a folder")
    if out.is_dir() and any(out.iterdir()):
        manifest = out / "manifest.jsonl"
        if not manifest.exists():
            raise ValueError(f"out={out} holds other files: choose an empty or a new folder")
        for text in manifest.read_text().splitlines():
            (out / Path(json.loads(text)["file"]).name).unlink(missing_ok=True)
        manifest.unlink()
    out.mkdir(parents=True, exist_ok=True)
