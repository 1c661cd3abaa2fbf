"""Signals longer than the model was trained on: window after window, each beginning with the end of the one before.

    x = window 1;    x = [x, window k without its first o positions],    window k knows o positions: the last of x

A model of known frames (kind `frames`) does it for clips, one of known parts (`masked`) for clips and sounds (Ho et al.
2022, «Video Diffusion Models», sec. 3.1, do it by autoregressive extension; here the model was trained for it).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from core.training.seeds import seed_of
from modalities.condition import Condition
from modalities.modality import Modality
from modalities.references.files import behind
from tools.schema import Recipe

Window = Callable[[Sequence[Any]], Tensor]
"""Draws one stretch (B, *event) of samples, each with its `seed` and its `words`, see `tools.sampling`."""


def length(recipe: Recipe, media: Modality) -> int | None:
    """Positions of the long axis that `frames=` or `seconds=` ask for; None where they do not go beyond the model's.

    Raises ValueError where the media have no frames or no seconds, or fewer are asked than the model draws.
    """
    own, frames, seconds = behind(media), recipe.sample.frames, recipe.sample.seconds
    if frames is None and seconds is None:
        return None
    if frames is not None and own.name == "video":
        wanted, trained = frames, own.frames  # type: ignore[attr-defined]
    elif seconds is not None and own.name == "audio":
        wanted, trained = round(seconds * own.sample_rate), own.samples  # type: ignore[attr-defined]
    else:
        raise ValueError(f"frames= is for clips and seconds= for sounds: this model is of modality={own.name}")
    if wanted < trained:
        rate = getattr(own, "sample_rate", None)
        least = f"seconds={trained / rate:g}" if rate else f"frames={trained}"
        raise ValueError(f"the model draws {least} at once: ask for that or more")
    return math.ceil(wanted * _size(media) / trained)


def rolled(
    window: Window,
    recipe: Recipe,
    kinds: Mapping[str, Condition],
    media: Modality,
    samples: Sequence[Any],
    wanted: int,
) -> Tensor:
    """x0 (B, C, …) with `wanted` positions along the long axis. Raises ValueError for a model that cannot continue."""
    name, axis, size = keeper(kinds), _axis(media), _size(media)
    overlap = min(size - 1, max(1, round(recipe.sample.overlap * size)))
    x, number = window(samples), 1
    while x.shape[axis] < wanted:
        rows = torch.full_like(x.narrow(axis, 0, size), torch.nan)
        rows.narrow(axis, 0, overlap).copy_(x.narrow(axis, x.shape[axis] - overlap, overlap))
        later = [
            s._replace(seed=seed_of(s.seed, number), words={**s.words, name: row[None]})
            for s, row in zip(samples, rows.cpu(), strict=True)
        ]
        fresh = window(later)
        x, number = torch.cat([x, fresh.narrow(axis, overlap, size - overlap)], dim=axis), number + 1
    return x.narrow(axis, 0, wanted)


def keeper(kinds: Mapping[str, Condition]) -> str:
    """The condition that a window can know the end of another by."""
    for name, kind in kinds.items():
        if getattr(kind, "keeps", False):
            return name
    raise ValueError("to go beyond its length, a model must be trained to continue: conditions.NAME=frames or masked")


def _axis(media: Modality) -> int:
    """Time: the first axis of a clip (B, C, T, H, W), the last of a sound."""
    return 2 if behind(media).name == "video" else len(media.event_shape)


def _size(media: Modality) -> int:
    return media.event_shape[_axis(media) - 1]
