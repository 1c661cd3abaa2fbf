"""What a training measures from its data before it starts: classes, ranges, the loudness scale and the spread of x0.

Schedules and time densities are made for data of about unit scale; sounds are recorded at any level. So `media.scale`
brings the spread of x0 to 0.5 (about that of photographs in [-1, 1]), and `denoiser.sigma_data` is what remains.
Spread is the root mean square: that of a variable with a mean is what gives the network inputs of unit size and the EDM
target unit variance (Karras et al. 2022, eq. 7, derived there for a mean of zero).
"""

import dataclasses
import functools
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from core.training.order import data_order
from modalities.data.example import Fields, Source, Value
from modalities.data.loader import batches
from modalities.latents import statistics
from modalities.modality import Modality
from tools import build, patch, prediction
from tools.references import words as reference
from tools.schema import Recipe

TARGET_SPREAD = 0.5
EXAMPLES = 512
SHOWN = 16
"""Examples whose conditions samples take turns with, where a user asks for nothing."""


def measured(recipe: Recipe, source: Source, device: torch.device) -> Recipe:
    """`recipe` with all that it leaves open filled in: classes, `media.scale`, `denoiser.sigma_data`, `precision`, what
    `conditions` and `network.patch` depend on, and what is predicted with which loss."""
    recipe = dataclasses.replace(recipe, precision=build.precision(recipe.precision, device))
    classes = list(source.classes) if recipe.data.class_conditional else []
    data = dataclasses.replace(recipe.data, classes=classes, class_conditional=bool(classes))
    recipe = dataclasses.replace(recipe, data=data)
    if "scale" in recipe.media and recipe.media["scale"] is None:
        spread = spread_of(some_x0(recipe, source, build.modality(recipe)))
        if spread == 0:
            raise ValueError("the data is silent: every sample that was looked at is zero")
        recipe = dataclasses.replace(recipe, media={**recipe.media, "scale": round(TARGET_SPREAD / spread, 4)})
    if recipe.latents is not None and recipe.latent_space.shift is None:
        of_latents = statistics.measured([some_x0(recipe, source, build.modality(recipe))])
        space = dataclasses.replace(recipe.latent_space, shift=of_latents.shift, scale=of_latents.scale)
        recipe = dataclasses.replace(recipe, latent_space=space)
    media = build.modality(recipe)  # once: that of latents reads its autoencoder
    if recipe.network.get("patch", 1) is None:
        fitting = patch.fitting(media.event_shape, recipe.network["width"], device)
        recipe = dataclasses.replace(recipe, network=recipe.network | {"patch": fitting})
    recipe = prediction.chosen(recipe, media.event_shape)
    if recipe.denoiser.sigma_data is None:
        spread = spread_of(some_x0(recipe, source, media))
        sigma_data = max(round(spread, 4), 1e-3)  # mid-grey pictures have no spread, and must not divide by it
        recipe = dataclasses.replace(recipe, denoiser=dataclasses.replace(recipe.denoiser, sigma_data=sigma_data))
    return asked_for(recipe, source, media) if recipe.conditions else recipe


def asked_for(recipe: Recipe, source: Source, media: Modality) -> Recipe:
    """`recipe` with the options of its conditions that only the data know, and what some examples are conditioned on.

    Raises ValueError where the data do not have what a condition needs.
    """
    conditions = {}
    for name, kind in build.conditions(recipe, media).items():
        node = recipe.conditions[name]
        if any(node.get(option) is None for option in kind.measured):
            try:
                node = node | kind.look(functools.partial(field, source))
            except ValueError as error:
                raise ValueError(f"conditions.{name}: {error}") from None
        conditions[name] = node
    recipe = dataclasses.replace(recipe, conditions=conditions)
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, examples=examples(recipe, source, media)))


def field(source: Source, name: str) -> Sequence[Value | None]:
    """A field of every example's metadata; None throughout where the data have no metadata."""
    return source.field(name) if isinstance(source, Fields) else [None] * len(source)


def examples(recipe: Recipe, source: Source, media: Modality) -> list[dict[str, Any]]:
    """What the first examples in training order are conditioned on, in the words that would ask for it."""
    size = min(SHOWN, len(source))
    batch = next(batches(source, data_order(len(source), size, seed=recipe.seed), workers=0))
    kinds = build.conditions(recipe, media)
    said = {name: kind.said(batch) for name, kind in kinds.items()}
    for name, kind in kinds.items():
        if kind.word == "reference":
            said[name] = reference.examples(kind, recipe.data.path, size)
    if not any(word is not None for words in said.values() for word in words):
        return []
    if recipe.data.class_conditional:
        said["label"] = [recipe.data.classes[label] if label >= 0 else None for label in batch.labels.tolist()]
    rows = [{name: words[i] for name, words in said.items() if words[i] is not None} for i in range(size)]
    return [row for row in rows if row]


def spread_of(x0: Tensor) -> float:
    return float(x0.square().mean().sqrt())


def some_x0(recipe: Recipe, source: Source, media: Modality, count: int = EXAMPLES) -> Tensor:
    """x0 of the first `count` examples in training order: (count, *event); fewer where the source is smaller."""
    size = min(count, len(source), 64)
    draws = islice(data_order(len(source), size, seed=recipe.seed), -(-min(count, len(source)) // size))
    return torch.cat([media.encode(media.prepare(batch, None)) for batch in batches(source, draws, workers=0)])
