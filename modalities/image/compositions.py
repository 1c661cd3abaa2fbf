"""Scenes: embedded images of one or two shapes that a caption describes. Each is a pure function of (seed, index).

    a [small|large] COLOUR SHAPE [left of|right of|above|below a [small|large] COLOUR SHAPE]

A size that the caption leaves out may be either. `HELD_OUT` pairs of colour and shape are in no scene of the splits
train and val; every scene of the split test shows at least one.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from modalities.data.compositions import UNSAID, between, not_of_the_grammar, pick
from modalities.data.example import Example, Value
from modalities.data.shapes import COLOURS, draw
from modalities.data.uniforms import uniforms

SHAPES = ("circle", "ring", "square", "triangle")
RADII = {"small": (0.125, 0.145), "large": (0.19, 0.22)}
"""Range of the radius by size, in image widths."""
RELATIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
"""Where the first shape is, seen from the second; y points down."""
HELD_OUT = (("red", "square"), ("yellow", "ring"), ("cyan", "triangle"), ("blue", "circle"))
SEEN = tuple((c, s) for c in COLOURS for s in SHAPES if (c, s) not in HELD_OUT)
GAP = 0.06
"""Least distance between the two, in image widths."""
ASIDE = 0.1
"""How far the second may lie off the line through the first, in image widths."""
ALONE = 0.2
"""Share of scenes with one shape."""
OBJECT = rf"a (?:({'|'.join(RADII)}) )?({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"
GRAMMAR = re.compile(rf"{OBJECT}(?: ({'|'.join(RELATIONS)}) {OBJECT})?")


class Thing(NamedTuple):
    """One shape of a scene as a caption says it; `size` is empty where it is left out."""

    size: str
    colour: str
    shape: str

    def words(self) -> str:
        return " ".join(filter(None, ("a", *self)))


class Scene(NamedTuple):
    """What a caption says: one or two things, and where the first is seen from the second («» where it is alone)."""

    things: tuple[Thing, ...]
    relation: str

    def caption(self) -> str:
        return f" {self.relation} ".join(thing.words() for thing in self.things)


def parse(caption: str) -> Scene:
    """The scene that a caption describes. Raises ValueError where it is not of the grammar."""
    found = GRAMMAR.fullmatch(" ".join(caption.lower().split()))
    if not found:
        raise not_of_the_grammar(caption, "a small red circle left of a blue square")
    first, relation, second = found.groups()[:3], found[4], found.groups()[4:]
    things = [Thing(size or "", colour, shape) for size, colour, shape in (first, second) if colour]
    return Scene(tuple(things), relation or "")


@dataclass(frozen=True)
class Compositions:
    """`length` images uint8 (channels, size, size) on black, each with a caption and no label.

    held_out: scenes with a held-out pair; otherwise there is none in any. Raises ValueError for a size below 16 pixels,
    at which small shapes are not to be told apart, and for grey, which has no colours.
    """

    size: int = 32
    channels: int = 3
    length: int = 50_000
    seed: int = 0
    held_out: bool = False
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 16 or self.channels != 3:
            raise ValueError(f"size={self.size}, channels={self.channels}: scenes need size >= 16 and 3 channels")

    def __len__(self) -> int:
        return self.length

    def describe(self, index: int) -> dict[str, Any]:
        """What scene `index` shows: scene, sizes, radii and centres (x, y) in pixels, caption."""
        u = iter(uniforms(self.seed, index, 20))
        count = 1 if next(u) < ALONE else 2
        special = int(next(u) * count) if self.held_out else -1
        things, sizes, radii = [], [], []
        for i in range(count):
            colour, shape = pick(HELD_OUT if i == special else SEEN, next(u))
            size = pick(tuple(RADII), next(u))
            radii.append(between(*RADII[size], next(u)))
            sizes.append(size)
            things.append(Thing("" if next(u) < UNSAID else size, colour, shape))
        relation = pick(tuple(RELATIONS), next(u)) if count == 2 else ""
        if relation:
            centres = side_by_side(radii, RELATIONS[relation], next(u), next(u), next(u), next(u))
        else:
            centres = [(between(radii[0], 1 - radii[0], next(u)), between(radii[0], 1 - radii[0], next(u)))]
        scene = Scene(tuple(things), relation)
        return {
            "scene": scene,
            "sizes": tuple(sizes),
            "radii": tuple(self.size * radius for radius in radii),
            "centres": tuple((self.size * x, self.size * y) for x, y in centres),
            "caption": scene.caption(),
        }

    def values(self, index: int) -> dict[str, Value]:
        """What there is to know beside the caption: things, relation."""
        scene = self.describe(index)["scene"]
        return {"things": len(scene.things)} | ({"relation": scene.relation} if scene.relation else {})

    def field(self, name: str) -> list[Value | None]:
        """One of `values` of every example."""
        return [self.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Scene `index`; nothing about it is random, so `generator` is not used."""
        what = self.describe(index)
        media = torch.zeros(3, self.size, self.size, dtype=torch.uint8)
        for thing, radius, centre in zip(what["scene"].things, what["radii"], what["centres"], strict=True):
            drawn = draw(thing.shape, thing.colour, "black", torch.tensor([centre]), radius, self.size, 3)[0]
            media = torch.maximum(media, drawn)  # they do not overlap, and every colour is lighter than the ground
        return Example(media, caption=what["caption"], name=f"scene {index}", values=self.values(index))


def side_by_side(radii: list[float], towards: tuple[int, int], *u: float) -> list[tuple[float, float]]:
    """Centres of two shapes in image widths, the first `towards` the second; four numbers in [0, 1) place them."""
    first, second = radii
    slack = 1 - 2 * first - 2 * second - GAP
    before, apart = sorted(slack * v for v in u[:2])
    near, far = (first, second) if sum(towards) < 0 else (second, first)  # the one nearer to the left or upper edge
    along = (before + near, apart + 2 * near + GAP + far)
    if sum(towards) > 0:
        along = along[::-1]
    large = max(radii)
    middle = between(large, 1 - large, u[2])
    other = min(max(middle + ASIDE * (2 * u[3] - 1), second), 1 - second)
    across = (middle, other)
    return [(a, b) if towards[0] else (b, a) for a, b in zip(along, across, strict=True)]
