"""The weaker model of autoguidance: another run, or an earlier checkpoint of the same one."""

from pathlib import Path

import torch

from core.denoiser import Denoiser
from modalities.modality import Modality
from tools import build, checkpoint
from tools import recipe as recipes
from tools.schema import Recipe
from tools.training import load_weights


def weaker(recipe: Recipe, media: Modality, device: torch.device) -> Denoiser | None:
    """The denoiser of `guidance.weaker`, ready to sample; None where the recipe names none.

    Raises ValueError where there is no checkpoint, or one of other media, classes or conditions.
    """
    if recipe.guidance.weaker is None:
        return None
    path = Path(recipe.guidance.weaker).expanduser()
    folder = path if (path / "model.safetensors").is_file() else checkpoint.latest(path)
    if folder is None:
        raise ValueError(f"guidance.weaker={recipe.guidance.weaker}: there is no checkpoint")
    other = recipes.read(folder / "recipe.yaml")
    for key, ours, theirs in (
        ("modality", recipe.modality, other.modality),
        ("media", recipe.media, other.media),
        ("data.classes", recipe.data.classes, other.data.classes),
        ("conditions", recipe.conditions, other.conditions),
        ("data.class_conditional", recipe.data.class_conditional, other.data.class_conditional),
    ):
        if ours != theirs:
            raise ValueError(f"guidance.weaker={recipe.guidance.weaker}: its {key} is {theirs}, that of the run {ours}")
    network = build.network(other, media).to(device)
    load_weights(network, folder, checkpoint.weights_of(recipe), device)
    return build.denoiser(other, network).to(device).eval().requires_grad_(False)
