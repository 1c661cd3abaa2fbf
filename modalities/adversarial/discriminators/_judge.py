"""One judge: a view of x, convolutions, a logit per position; and the panel of several.

    h = layers(view(x))          logit = <w, h> + b + <e(label), h> / sqrt(C)          at every position of h

The last term is the projection of a label (Miyato & Koyama 2018); no label, -1, adds nothing.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2
"""Of the leaky ReLU below zero, as in Miyato et al. 2018 (there 0.1) and Karras et al. 2020."""


class Verdict(NamedTuple):
    """Of each judge its logits (B, positions); and what its layers found, (N, C, *size) each, first layers first."""

    logits: list[Tensor]
    features: list[Tensor]


class Projection(nn.Module):
    """Logits (N, 1, *size) of maps h (N, C, *size) under labels (N,) or none."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels) / math.sqrt(channels))
        self.bias = nn.Parameter(torch.zeros(()))
        self.label = nn.Embedding(classes, channels) if classes else None

    def forward(self, h: Tensor, label: Tensor | None) -> Tensor:
        direction = self.weight.expand(len(h), -1)
        if self.label is not None and label is not None:
            some = (label >= 0).to(h.dtype)[:, None]
            direction = direction + some * self.label(label.clamp_min(0)) / math.sqrt(h.shape[1])
        direction = direction.to(h.dtype).reshape(len(h), *[1] * (h.ndim - 3), -1, 1)  # axes: N, one per axis, C, 1
        return (h.movedim(1, -1) @ direction)[..., 0] + self.bias


class Judge(nn.Module):
    """`view` turns x (B, C, *size) into the maps (N, C', *size') that the layers see, N a multiple of B."""

    def __init__(self, view: Callable[[Tensor], Tensor], layers: Sequence[nn.Module], channels: int, classes: int):
        super().__init__()
        self.view = view
        self.layers = nn.ModuleList(spectral_norm(layer) for layer in layers)
        self.project = Projection(channels, classes)

    def forward(self, x: Tensor, label: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        h, features = self.view(x), []
        if label is not None:
            label = label.repeat_interleave(len(h) // len(x))
        for layer in self.layers:
            h = leaky_relu(layer(wide_enough(h, layer)), SLOPE)
            features.append(h)
        return self.project(h, label).reshape(len(x), -1), features


class Panel(nn.Module):
    """`forward(x, label) -> list of logits`, one (B, positions) per judge."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        super().__init__()
        self.judges = nn.ModuleList(judges)

    def forward(self, x: Tensor, label: Tensor | None = None) -> list[Tensor]:
        return self.verdict(x, label).logits

    def verdict(self, x: Tensor, label: Tensor | None = None) -> Verdict:
        """The logits, and the features that feature matching compares (Larsen et al. 2016; Kumar et al. 2019)."""
        logits, features = [], []
        for judge in self.judges:
            some, found = judge(x, label)
            logits.append(some)
            features += found
        return Verdict(logits, features)


def wide_enough(h: Tensor, layer: nn.Module) -> Tensor:
    """`h` with zeros after its end along axes where the layer's padding alone would not fill its kernel."""
    missing = []
    for size, kernel, padding in zip(h.shape[2:], layer.kernel_size, layer.padding, strict=True):  # type: ignore[arg-type]
        missing += [max(0, kernel - 2 * padding - size), 0]
    return pad(h, missing[::-1]) if any(missing) else h


def widths(width: int, depth: int, most: int = 8) -> list[int]:
    """Channels after the stem and after each of `depth` halvings: doubled, up to `most` times `width`."""
    return [width * min(2**i, most) for i in range(depth + 1)]
