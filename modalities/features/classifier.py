"""A small convolutional network over views: features, labels, and damages (see `pretext`).

    (conv, norm, relu) x 2 per level (the first of maps: x 1), each half as fine -> pooled -> linear: the features
    features -> relu -> linear: labels, and another one: damages

Maps (pictures, spectrograms) are convolved in two axes, clips in space and in time in turn (Tran et al. 2018).
Maps are pooled to the mean of each quarter; clips to the largest value in each half of the time, wherever it moved.
"""

import dataclasses
import hashlib
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from modalities.features.network import Seen
from modalities.features.pretext import KINDS
from modalities.features.views import View

WIDTHS = (24, 48, 64)
"""Channels of the levels."""

FEATURES = 64
"""Width of the features: a covariance of them needs at least as many examples and one more."""


class Classifier(nn.Module):
    """`channels` of the maps of `view`; `classes` are the names of the labels, none where there are none."""

    def __init__(self, view: View, channels: int, classes: tuple[str, ...] = (), name: str = "classifier") -> None:
        super().__init__()
        self.view, self.channels, self.classes, self.name = view, channels, classes, name
        layers = [
            layer
            for level, (a, b) in enumerate(pairwise((channels, *WIDTHS)))
            for layer in (_flat(a, b, level) if view.rank == 2 else _moving(a, b, level))
        ]
        pool = nn.AdaptiveAvgPool2d(2) if view.rank == 2 else nn.AdaptiveMaxPool3d((2, 1, 1))
        self.body = nn.Sequential(*layers, pool, nn.Flatten())
        self.features = nn.Linear(WIDTHS[-1] * (4 if view.rank == 2 else 2), FEATURES)
        self.labels = nn.Linear(FEATURES, len(classes)) if classes else None
        self.damages = nn.Linear(FEATURES, len(KINDS[view.rank]))

    def see(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Maps (B, C, *axes) -> features (B, 64), logits of the labels, and of the damages."""
        features = self.features(self.body(x))
        active = features.relu()
        return features, self.labels(active) if self.labels is not None else None, self.damages(active)

    @torch.inference_mode()
    def forward(self, media: Tensor) -> Seen:
        """Stored media (B, ...): see `FeatureNetwork`. Call it in evaluation mode."""
        x = self.view(media.to(self.features.weight.device))
        features, logits, _ = self.see(x)
        return Seen(features, logits)

    @property
    def width(self) -> int:
        return FEATURES

    @property
    def identity(self) -> str:
        """Of the weights and of the view: eight hexadecimal digits."""
        digest = hashlib.blake2b(repr(self.settings).encode(), digest_size=4)
        for _, tensor in sorted(self.state_dict().items()):
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def settings(self) -> dict[str, object]:
        """What `of` makes such a network from, as plain values."""
        kind = type(self.view).__name__
        return {
            "name": self.name,
            "view": kind,
            "view_options": dataclasses.asdict(self.view),
            "channels": self.channels,
            "classes": list(self.classes),
        }

    @classmethod
    def of(cls, settings: dict) -> Self:
        """An untrained network of these settings. Raises ValueError or KeyError where they are of none."""
        from modalities.features import views

        if settings["view"] not in ("Picture", "Clip", "LogMel"):
            raise ValueError(f"unknown view {settings['view']!r}")
        view = getattr(views, settings["view"])(**settings["view_options"])
        return cls(view, settings["channels"], tuple(settings["classes"]), settings["name"])


def _flat(a: int, b: int, level: int) -> list[nn.Module]:
    layers = [nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    if level:
        layers += [nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return layers


def _moving(a: int, b: int, level: int) -> list[nn.Module]:
    """In space, then in time; the last level keeps its frames."""
    pace = 2 if level < len(WIDTHS) - 1 else 1
    space = nn.Conv3d(a, b, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
    time = nn.Conv3d(b, b, (3, 1, 1), stride=(pace, 1, 1), padding=(1, 0, 0), bias=False)
    return [space, nn.BatchNorm3d(b), nn.ReLU(), time, nn.BatchNorm3d(b), nn.ReLU()]
