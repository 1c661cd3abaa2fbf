"""The denoiser of a checkpoint, ready to sample, and any network with the weights that sampling asks for."""

from pathlib import Path

import torch

from core.denoiser import Denoiser
from modalities.modality import Modality
from tools import build, checkpoint, snapshots
from tools.schema import Recipe
from tools.training import load_weights


def restored(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Denoiser:
    """With averaged or raw weights, or an average of another width, as `sample.weights` and `sample.sigma_rel` say."""
    network = build.network(recipe, media).to(device)
    fill(network, recipe, folder, device)
    return build.denoiser(recipe, network).to(device).eval().requires_grad_(False)


def fill(network: torch.nn.Module, recipe: Recipe, folder: Path, device: torch.device) -> None:
    """Give `network` the weights of a checkpoint that the recipe asks to sample with, see `restored`."""
    if recipe.sample.sigma_rel is not None:
        step = int(folder.name.removeprefix("step-"))
        snapshots.load(network, Path(recipe.run), step, recipe.sample.sigma_rel, device)
    else:
        load_weights(network, folder, checkpoint.weights_of(recipe), device)
