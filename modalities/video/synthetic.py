"""Moving shapes: the embedded clips. Class = direction; each clip is a pure function of (seed, index).

centre(t) = centre(0) + velocity * t,   t = 0 … frames - 1, and the shape stays inside the picture throughout.
"""

from dataclasses import dataclass
from typing import Any

import torch

from modalities.data.conditions import values_of
from modalities.data.example import Example, Value
from modalities.data.shapes import COLOURS, SHAPES, draw
from modalities.data.uniforms import uniforms

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SMALLEST, LARGEST = 0.17, 0.24
"""Range of the radius, in picture widths."""


@dataclass(frozen=True)
class Synthetic:
    """`length` clips uint8 (frames, size, size, channels), each one shape that moves in a straight line.

    The shape crosses 60 to 100 % of the way that it has, whatever the number of frames, so a longer clip moves slower.
    Class of clip i is i mod 4. Raises ValueError for a size below 8 pixels or no frame.
    """

    size: int = 32
    frames: int = 16
    channels: int = 3
    length: int = 50_000
    seed: int = 0
    classes: tuple[str, ...] = tuple(DIRECTIONS)

    def __post_init__(self) -> None:
        if self.size < 8 or self.channels not in (1, 3) or self.frames < 1:
            raise ValueError(
                f"size={self.size}, frames={self.frames}, channels={self.channels}: "
                "moving shapes need size >= 8, frames >= 1 and 1 or 3 channels"
            )

    def __len__(self) -> int:
        return self.length

    def describe(self, index: int) -> dict[str, Any]:
        """What clip `index` shows: direction, velocity (x, y) in pixels per frame, centre in the first frame …"""
        u = uniforms(self.seed, index, 6)
        direction = self.classes[index % len(self.classes)]
        along = DIRECTIONS[direction]
        radius = self.size * (SMALLEST + (LARGEST - SMALLEST) * u[0])
        room = self.size - 2 * radius
        way = room * (0.6 + 0.4 * u[1])
        low = radius + (room - way) * u[2]  # where the covered interval of the moving coordinate begins
        start = low if sum(along) > 0 else low + way
        still = radius + room * u[3]
        speed = way / max(self.frames - 1, 1)
        shape, colour = SHAPES[int(u[4] * len(SHAPES))], list(COLOURS)[int(u[5] * len(COLOURS))]
        return {
            "direction": direction,
            "label": index % len(self.classes),
            "velocity": (along[0] * speed, along[1] * speed),
            "centre": (start, still) if along[0] else (still, start),
            "radius": radius,
            "shape": shape,
            "colour": colour,
            "caption": f"a {colour} {shape} moving {direction}",
        }

    def values(self, index: int) -> dict[str, Value]:
        """The numbers and words of `describe`, but for label and caption."""
        return values_of({k: v for k, v in self.describe(index).items() if k not in ("label", "caption")})

    def field(self, name: str) -> list[Value | None]:
        """One of `values` of every example."""
        return [self.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Clip `index`; nothing about it is random, so `generator` is not used."""
        what = self.describe(index)
        t = torch.arange(self.frames).view(-1, 1)
        centres = torch.tensor(what["centre"]) + t * torch.tensor(what["velocity"])
        pictures = draw(what["shape"], what["colour"], "black", centres, what["radius"], self.size, self.channels)
        media = pictures.permute(0, 2, 3, 1).contiguous()
        return Example(media, what["label"], what["caption"], name=f"moving shape {index}", values=self.values(index))
