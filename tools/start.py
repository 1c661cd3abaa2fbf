"""A training that starts where another run has come to: `start=runs/NAME`.

The recipe is that run's, with what was measured for it (see `tools.recipe`); its averaged weights are the first ones.
Nothing else is taken over: the optimiser, the average and the counters begin anew.
"""

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
from tools.restored import restored
from tools.schema import Recipe


def weights(recipe: Recipe) -> Path:
    """The checkpoint that a measured recipe starts from.

    Raises ValueError in one line where there is none, or one whose weights would not fit or mean something else.
    """
    assert recipe.start is not None
    folder = checkpoint.latest(Path(recipe.start))
    if folder is None:
        raise ValueError(f"start={recipe.start}: there is no checkpoint")
    if recipe.stage == "gan":
        raise ValueError(f"start={recipe.start}: a GAN cannot start from another run, whose critic is not kept apart")
    ours, theirs = meaning(recipe), meaning(recipes.read(folder / "recipe.yaml"))
    for key, its in theirs.items():
        if ours[key] != its:
            raise ValueError(f"start={recipe.start}: its {key} is {its}, that of this training {ours[key]}")
    return folder


def teacher(recipe: Recipe, media: Modality, schedule: Schedule, device: torch.device) -> Teacher:
    """The model that a training starts from, frozen, on the training's own schedule."""
    folder = weights(recipe)
    model = restored(recipes.read(folder / "recipe.yaml"), media, folder, device)

    def taught(x: Tensor, t: Tensor, cond: Condition = None) -> Tensor:
        return transport(lambda x, t: model(x, t, cond), model.schedule, schedule)(x, t)

    return model if model.schedule == schedule else taught


def meaning(recipe: Recipe) -> dict[str, Any]:
    """What the weights of a measured recipe are weights of."""
    prediction = (recipe.denoiser.prediction or {}).get("name")
    return {
        "stage": recipe.stage,
        "data.classes": recipe.data.classes,
        "conditions": recipe.conditions,
        "network": recipe.network,
        "autoencoder.network": recipe.autoencoder.network,
        "latent_space.fingerprint": recipe.latent_space.fingerprint,
        "denoiser.prediction": "x0" if prediction == "anchored" else prediction,  # the same but for the lowest noise
        "variance": "learned" if build.answers(recipe) == 2 else "fixed",
    }
