"""The denoiser of a checkpoint, ready to sample."""

from pathlib import Path

import torch

from core.denoiser import Denoiser
from modalities.modality import Modality
from tools import build, snapshots
from tools.schema import Recipe
from tools.training import load_weights


def restored(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Denoiser:
    """With averaged or raw weights, or an average of another width, as `sample.weights` and `sample.sigma_rel` say."""
    denoiser = build.denoiser(recipe, media).to(device)
    if recipe.sample.sigma_rel is not None:
        step = int(folder.name.removeprefix("step-"))
        snapshots.load(denoiser.network, Path(recipe.run), step, recipe.sample.sigma_rel, device)
    else:
        load_weights(denoiser.network, folder, "ema" if recipe.sample.weights == "ema" else "model", device)
    return denoiser.eval().requires_grad_(False)
