"""Checkpoints: one folder each, complete or absent.

    <run>/checkpoints/step-00001000/
        model.safetensors   the trained weights
        ema.safetensors     their average, which sampling uses
        recipe.yaml         what they are weights of
        training.pt         optimiser state and counters (read with weights_only=True: it can run nothing)

A checkpoint is written under a temporary name, flushed to the disk and renamed, so a kill at any moment leaves the
previous one whole. Nothing but safetensors and a `weights_only` file is ever read back.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tools import recipe as recipes
from tools.schema import Recipe

_NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class Counters:
    """How far a training has come: optimiser steps, and seconds spent on them over all sittings."""

    step: int = 0
    seconds: float = 0.0


def folders(run: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first; what a kill left unfinished has another name."""
    found = [p for p in (run / "checkpoints").glob("step-*") if _NAME.fullmatch(p.name)]
    return sorted(found, key=lambda p: int(p.name.removeprefix("step-")))


def latest(run: Path) -> Path | None:
    """The newest complete checkpoint of a run, or None."""
    return found[-1] if (found := folders(run)) else None


def save(
    run: Path,
    recipe: Recipe,
    counters: Counters,
    *,
    weights: dict[str, Tensor],
    ema: dict[str, Tensor],
    state: dict[str, Any],
    keep: int,
) -> Path:
    """Write the checkpoint of `counters.step`, then remove all but the `keep` newest. Returns its folder."""
    final = run / "checkpoints" / f"step-{counters.step:08d}"
    if (
        final.exists()
    ):  # the last step of a budget may also be a step that saves anyway: the same state, written already
        return final
    for left_over in (run / "checkpoints").glob(".unfinished-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    draft = final.with_name(f".unfinished-{final.name}")
    draft.mkdir(parents=True)
    try:
        save_file(_contiguous(weights), draft / "model.safetensors", metadata={"format": "pt"})
        save_file(_contiguous(ema), draft / "ema.safetensors", metadata={"format": "pt"})
        recipes.save(recipe, draft / "recipe.yaml")
        with (draft / "training.pt").open("wb") as file:  # by path, torch.save hides a full disk in an error of its own
            torch.save({"step": counters.step, "seconds": counters.seconds, **state}, file)
        for path in (*draft.iterdir(), draft):
            _flush(path)
        draft.rename(final)
        _flush(final.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    for old in folders(run)[:-keep]:
        shutil.rmtree(old)
    return final


def weights_of(recipe: Recipe) -> str:
    """Which file of a checkpoint `sample.weights` asks for: `ema` or `model`."""
    return "ema" if recipe.sample.weights == "ema" else "model"


def weights(folder: Path, name: str, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """The tensors of `model` or `ema`. Raises ValueError where the file is missing or damaged."""
    path = folder / f"{name}.safetensors"
    try:
        return load_file(path, device=str(device))
    except Exception as error:  # safetensors raises its own class for a damaged header and OSError for a missing file
        raise ValueError(f"{path} is not a readable weights file: {error}") from None


def training_state(folder: Path) -> tuple[Counters, dict[str, Any]]:
    """Counters and optimiser state, on the CPU (`load_state_dict` moves them)."""
    state = torch.load(folder / "training.pt", map_location="cpu", weights_only=True)
    return Counters(state.pop("step"), state.pop("seconds")), state


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _flush(path: Path) -> None:
    """Have the file or folder on the disk itself before it gets its final name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
