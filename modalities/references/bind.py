"""What reference kinds have in common: they know the media, and nothing that a recipe can set about them."""

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor

from modalities.modality import Modality

Kind = TypeVar("Kind")


def bound(kind: Kind, media: Modality, **more: Any) -> Kind:
    """A copy of the frozen `kind` that holds `media`, and `more` fields that are no options."""
    with_media = copy.copy(kind)
    for name, value in {"media": media, **more}.items():
        object.__setattr__(with_media, name, value)
    return with_media


def nothing(channels: int, rank: int) -> Tensor:
    """One absent row of a signal: (1, channels, 1, …)."""
    return torch.full((1, channels, *(1,) * rank), torch.nan)


def shares(kind: Any, *names: str) -> dict[str, float]:
    """The options `names` of `kind`, shares of training. Raises ValueError unless they are >= 0 and not all 0."""
    given = {name: float(getattr(kind, name)) for name in names}
    for name, share in given.items():
        if not share >= 0:
            raise ValueError(f"{name}={share} must be at least 0: a share of the training examples")
    if not sum(given.values()):
        raise ValueError(f"one of {', '.join(names)} must be above 0")
    return given
