"""A training that starts where another run has come to: `start=runs/NAME`.

The recipe is that run's, with what was measured for it (see `tools.recipe`); its averaged weights are the first ones.
Nothing else is taken over: the optimiser, the average and the counters begin anew. What a distillation learns from
stays with it, in `<run>/teacher/`, whatever becomes of the run that it started from.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.condition import Condition
from core.losses.distillation import Teacher
from core.schedule import Schedule, transport
from modalities.modality import Modality
from tools import build, checkpoint
from tools import recipe as recipes
from tools.loss import ENDS
from tools.restored import restored
from tools.schema import Recipe

TEACHER = "teacher"
"""Of a run: the copy of what it is taught by."""


def check(recipe: Recipe) -> None:
    """Raises ValueError in one line where a measured recipe cannot start as it says; nothing is written before."""
    if recipe.start is not None:
        weights(recipe)
    elif recipe.loss.name == "distillation":
        raise ValueError("loss=distillation needs a teacher: start=runs/NAME, the run that it starts from")


def weights(recipe: Recipe) -> Path:
    """The checkpoint that a measured recipe starts from.

    Raises ValueError where there is none, or one whose weights would not fit, mean something else, or cannot teach.
    """
    assert recipe.start is not None
    folder = checkpoint.latest(Path(recipe.start))
    if folder is None:
        raise ValueError(f"start={recipe.start}: there is no checkpoint")
    if recipe.stage == "gan":
        raise ValueError(f"start={recipe.start}: a GAN cannot start from another run, whose critic is not kept apart")
    other = recipes.read(folder / "recipe.yaml")
    ours, theirs = meaning(recipe), meaning(other)
    for key, its in theirs.items():
        if ours[key] != its:
            raise ValueError(f"start={recipe.start}: its {key} is {its}, that of this training {ours[key]}")
    if recipe.loss.name == "distillation" and other.loss.name in ENDS:
        raise ValueError(
            f"start={recipe.start} jumps already, and a teacher has to know the way: say loss=consistency to train on"
        )
    return folder


def meaning(recipe: Recipe) -> dict[str, Any]:
    """What the weights of a measured recipe are weights of."""
    prediction = (recipe.denoiser.prediction or {}).get("name")
    passing = {"dropout", "checkpoint"}  # how a network is trained, not what it is
    return {
        "stage": recipe.stage,
        "media.channels": recipe.media.get("channels"),
        "media.representation": recipe.media.get("representation"),
        "data.classes": recipe.data.classes,
        "conditions": recipe.conditions,
        "network": {name: value for name, value in recipe.network.items() if name not in passing},
        "autoencoder": (recipe.autoencoder.network, recipe.autoencoder.bottleneck, recipe.autoencoder.label),
        "latent_space.fingerprint": recipe.latent_space.fingerprint,
        "denoiser.prediction": "x0" if prediction == "anchored" else prediction,  # the same but for the lowest noise
        "variance": "learned" if build.answers(recipe) == 2 else "fixed",
    }


def keep(recipe: Recipe) -> None:
    """Copy the teacher of a distillation into the run, once and whole."""
    copy = Path(recipe.run) / TEACHER
    if recipe.loss.name == "distillation" and not copy.is_dir():
        folder, draft = weights(recipe), copy.with_name(f".unfinished-{TEACHER}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in ("recipe.yaml", "ema.safetensors"):
            shutil.copyfile(folder / name, draft / name)
        draft.rename(copy)


def teacher(recipe: Recipe, media: Modality, schedule: Schedule, device: torch.device) -> Teacher:
    """The averaged model that a run has kept, frozen, on the run's own schedule."""
    copy = Path(recipe.run) / TEACHER
    model = restored(recipes.read(copy / "recipe.yaml"), media, copy, device)

    def taught(x: Tensor, t: Tensor, cond: Condition = None) -> Tensor:
        return transport(lambda x, t: model(x, t, cond), model.schedule, schedule)(x, t)

    return model if model.schedule == schedule else taught
