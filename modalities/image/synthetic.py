"""Coloured shapes: the embedded images. Class = shape; each image is a pure function of (seed, index)."""

from dataclasses import dataclass
from typing import Any

import torch

from modalities.data.conditions import values_of
from modalities.data.example import Example, Value
from modalities.data.shapes import COLOURS, GROUNDS, SHAPES, SIZES, draw
from modalities.data.uniforms import uniforms

SMALLEST, LARGEST = 0.23, 0.4
"""Range of the radius, in image widths."""


@dataclass(frozen=True)
class Synthetic:
    """`length` images uint8 (channels, size, size), each one shape in one of six colours on one of three dark grounds.

    Class of image i is i mod 5, so every class is equally frequent. Raises ValueError for a size below 8 pixels.
    """

    size: int = 32
    channels: int = 3
    length: int = 50_000
    seed: int = 0
    classes: tuple[str, ...] = SHAPES

    def __post_init__(self) -> None:
        if self.size < 8 or self.channels not in (1, 3):
            raise ValueError(f"size={self.size}, channels={self.channels}: shapes need size >= 8 and 1 or 3 channels")

    def __len__(self) -> int:
        return self.length

    def describe(self, index: int) -> dict[str, Any]:
        """What image `index` shows: shape, colour, ground, radius and centre (x, y) in pixels, caption."""
        u = uniforms(self.seed, index, 5)
        radius = self.size * (SMALLEST + (LARGEST - SMALLEST) * u[0])
        room = self.size - 2 * radius
        shape = SHAPES[index % len(SHAPES)]
        colour, ground = list(COLOURS)[int(u[3] * len(COLOURS))], list(GROUNDS)[int(u[4] * len(GROUNDS))]
        return {
            "shape": shape,
            "label": index % len(SHAPES),
            "colour": colour,
            "ground": ground,
            "radius": radius,
            "centre": (radius + room * u[1], radius + room * u[2]),
            "caption": f"a {SIZES[int(u[0] * len(SIZES))]} {colour} {shape} on {ground}",
        }

    def values(self, index: int) -> dict[str, Value]:
        """The numbers and words of `describe`, but for label and caption."""
        return values_of({k: v for k, v in self.describe(index).items() if k not in ("label", "caption")})

    def field(self, name: str) -> list[Value | None]:
        """One of `values` of every example."""
        return [self.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Image `index`; nothing about it is random, so `generator` is not used."""
        what = self.describe(index)
        centre = torch.tensor([what["centre"]])
        media = draw(what["shape"], what["colour"], what["ground"], centre, what["radius"], self.size, self.channels)
        return Example(media[0], what["label"], what["caption"], name=f"shape {index}", values=self.values(index))
