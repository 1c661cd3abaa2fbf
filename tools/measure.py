"""What a training measures from its data before it starts: the classes, the loudness scale and the spread of x0.

Schedules and time densities are made for data of about unit scale; sounds are recorded at any level. So `media.scale`
brings the spread of x0 to 0.5 (about that of photographs in [-1, 1]), and `denoiser.sigma_data` is what remains.
Spread is the root mean square: that of a variable with a mean is what gives the network inputs of unit size and the EDM
target unit variance (Karras et al. 2022, eq. 7, derived there for a mean of zero).
"""

import dataclasses
from itertools import islice

import torch
from torch import Tensor

from core.training.order import data_order
from modalities.data.example import Source
from modalities.data.loader import batches
from modalities.modality import Modality
from tools import build
from tools.schema import Recipe

TARGET_SPREAD = 0.5
EXAMPLES = 512


def measured(recipe: Recipe, source: Source, device: torch.device) -> Recipe:
    """`recipe` with all that it leaves open filled in: classes, `media.scale`, `denoiser.sigma_data`, `precision`."""
    recipe = dataclasses.replace(recipe, precision=build.precision(recipe.precision, device))
    classes = list(source.classes) if recipe.data.class_conditional else []
    data = dataclasses.replace(recipe.data, classes=classes, class_conditional=bool(classes))
    recipe = dataclasses.replace(recipe, data=data)
    if "scale" in recipe.media and recipe.media["scale"] is None:
        spread = spread_of(some_x0(recipe, source, build.modality(recipe)))
        if spread == 0:
            raise ValueError("the data is silent: every sample that was looked at is zero")
        recipe = dataclasses.replace(recipe, media={**recipe.media, "scale": round(TARGET_SPREAD / spread, 4)})
    if recipe.denoiser.sigma_data is None:
        spread = spread_of(some_x0(recipe, source, build.modality(recipe)))
        sigma_data = max(round(spread, 4), 1e-3)  # mid-grey pictures have no spread, and must not divide by it
        recipe = dataclasses.replace(recipe, denoiser=dataclasses.replace(recipe.denoiser, sigma_data=sigma_data))
    return recipe


def spread_of(x0: Tensor) -> float:
    return float(x0.square().mean().sqrt())


def some_x0(recipe: Recipe, source: Source, media: Modality, count: int = EXAMPLES) -> Tensor:
    """x0 of the first `count` examples in training order: (count, *event); fewer where the source is smaller."""
    size = min(count, len(source), 64)
    draws = islice(data_order(len(source), size, seed=recipe.seed), -(-min(count, len(source)) // size))
    return torch.cat([media.encode(media.prepare(batch, None)) for batch in batches(source, draws, workers=0)])
