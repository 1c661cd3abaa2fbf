"""The contract of feature networks: stored media (B, ...) -> features (B, D), and logits (B, K) where it knows classes.

Distances over two networks, or over two trainings of one, are numbers of different units: `identity` tells them apart.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Seen(NamedTuple):
    """What a network says of a batch."""

    features: Tensor
    """(B, D) float."""
    logits: Tensor | None
    """(B, K) float; None where the network knows no classes."""


class FeatureNetwork(Protocol):
    """Deterministic and without gradients. `name` goes beside every number that comes from it."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str:
        """A digest of the weights."""
        ...

    @property
    def width(self) -> int:
        """D."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes, in the order of the labels of the data; empty where they are others."""
        ...

    def __call__(self, media: Tensor) -> Seen:
        """Stored media (B, ...) on any device -> features and logits on that of the network."""
        ...

    def to(self, device: torch.device) -> "FeatureNetwork": ...
