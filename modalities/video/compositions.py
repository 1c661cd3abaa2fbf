"""Walks: embedded clips of one shape that moves as a caption says. Each is a pure function of (seed, index).

    a COLOUR SHAPE moving left|right|up|down [slowly|quickly]

A speed that the caption leaves out may be either. `HELD_OUT` pairs of shape and direction are in no clip of the splits
train and val; every clip of the split test shows one.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from modalities.data.compositions import UNSAID, between, not_of_the_grammar, pick
from modalities.data.example import Example, Value
from modalities.data.shapes import COLOURS, draw
from modalities.data.uniforms import uniforms
from modalities.video.synthetic import DIRECTIONS, LARGEST, SMALLEST

SHAPES = ("circle", "ring", "square", "triangle")
"""A star of this size cannot be told from a square by eye at 32 pixels."""
SPEEDS = {"slowly": (0.4, 0.55), "quickly": (0.85, 1.0)}
"""Share of the way that the shape has which it covers within the clip, whatever the number of frames."""
HELD_OUT = (("circle", "up"), ("ring", "left"), ("square", "down"), ("triangle", "right"))
SEEN = tuple((s, d) for s in SHAPES for d in DIRECTIONS if (s, d) not in HELD_OUT)
GRAMMAR = re.compile(
    rf"a ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)}) moving ({'|'.join(DIRECTIONS)})(?: ({'|'.join(SPEEDS)}))?"
)


class Walk(NamedTuple):
    """What a caption says; `speed` is empty where it is left out."""

    colour: str
    shape: str
    direction: str
    speed: str

    def caption(self) -> str:
        return f"a {self.colour} {self.shape} moving {self.direction} {self.speed}".rstrip()


def parse(caption: str) -> Walk:
    """The walk that a caption describes. Raises ValueError where it is not of the grammar."""
    found = GRAMMAR.fullmatch(" ".join(caption.lower().split()))
    if not found:
        raise not_of_the_grammar(caption, "a green triangle moving up slowly")
    return Walk(*(word or "" for word in found.groups()))


@dataclass(frozen=True)
class Compositions:
    """`length` clips uint8 (frames, size, size, channels) on black, each with a caption and no label.

    held_out: every clip shows a held-out pair; otherwise none does. Raises ValueError for a size below 16 pixels, fewer
    than 2 frames, and for grey, which has no colours.
    """

    size: int = 32
    frames: int = 16
    channels: int = 3
    length: int = 50_000
    seed: int = 0
    held_out: bool = False
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 16 or self.channels != 3 or self.frames < 2:
            raise ValueError(
                f"size={self.size}, frames={self.frames}, channels={self.channels}: "
                "walks need size >= 16, frames >= 2 and 3 channels"
            )

    def __len__(self) -> int:
        return self.length

    def describe(self, index: int) -> dict[str, Any]:
        """What clip `index` shows: walk, speed, velocity (x, y) in pixels per frame, centre in the first frame …"""
        u = iter(uniforms(self.seed, index, 8))
        shape, direction = pick(HELD_OUT if self.held_out else SEEN, next(u))
        colour, speed = pick(tuple(COLOURS), next(u)), pick(tuple(SPEEDS), next(u))
        walk = Walk(colour, shape, direction, "" if next(u) < UNSAID else speed)
        radius = self.size * between(SMALLEST, LARGEST, next(u))
        room = self.size - 2 * radius
        way = room * between(*SPEEDS[speed], next(u))
        along = DIRECTIONS[direction]
        low = radius + (room - way) * next(u)  # where the covered interval of the moving coordinate begins
        start = low if sum(along) > 0 else low + way
        still = radius + room * next(u)
        step = way / (self.frames - 1)
        return {
            "walk": walk,
            "speed": speed,
            "velocity": (along[0] * step, along[1] * step),
            "centre": (start, still) if along[0] else (still, start),
            "radius": radius,
            "caption": walk.caption(),
        }

    def values(self, index: int) -> dict[str, Value]:
        """What there is to know beside the caption: colour, shape, direction, speed (whether said or not)."""
        what = self.describe(index)
        return {**what["walk"]._asdict(), "speed": what["speed"]}

    def field(self, name: str) -> list[Value | None]:
        """One of `values` of every example."""
        return [self.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Clip `index`; nothing about it is random, so `generator` is not used."""
        what = self.describe(index)
        t = torch.arange(self.frames).view(-1, 1)
        centres = torch.tensor(what["centre"]) + t * torch.tensor(what["velocity"])
        pictures = draw(what["walk"].shape, what["walk"].colour, "black", centres, what["radius"], self.size, 3)
        media = pictures.permute(0, 2, 3, 1).contiguous()
        return Example(media, caption=what["caption"], name=f"walk {index}", values=self.values(index))
