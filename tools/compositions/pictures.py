"""What a picture of scenes shows: its things by colour and connection, each with shape, size and place.

A pixel belongs to the colour nearest in angle to its difference from black; a thing is a connected set of pixels of one
colour; its shape is the template that overlaps it most, its radius what its area gives. See `modalities.image.
compositions` for what there is to be seen.
"""

import math
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from modalities.data.shapes import COLOURS, GROUNDS
from modalities.image.compositions import RADII, RELATIONS, SHAPES, Scene, Thing, parse
from tools.demonstration.checks import UNCLEAR, centroid, coverage, shape_of

LIT = 70.0
"""Distance from black, of 441, at which a pixel belongs to a thing: a third of the darkest colour's."""
SPECK = 6
"""Pixels of a picture of 32 x 32 below which a set of pixels is no thing; a small triangle has about 20."""
SURE = 0.96
"""Least cosine of a thing's colour with its name's; between two names it is at most 0.94."""
SHARE = {"circle": 1.0, "ring": 0.75, "square": 2 / math.pi, "triangle": 0.4135}
"""Area of each shape in that of the circle around it."""


class Found(NamedTuple):
    """One thing in a picture; centre in pixels from the top left."""

    colour: str
    shape: str
    size: str
    centre: tuple[float, float]

    def fits(self, asked: Thing) -> int:
        """How many of the attributes that were asked for it has."""
        return (self.colour == asked.colour) + (self.shape == asked.shape) + (self.size == asked.size)


Verdict = dict[str, bool | None]
"""Attribute -> is it as asked for; None where the caption does not say it."""


def judge(picture: Tensor, caption: str) -> Verdict:
    """uint8 (3, H, W) against a caption of the grammar: count, colour, shape, size, relation, each for all things.

    Things are matched with what was asked for in the way that fits best; a missing one has every attribute wrong.
    """
    scene, seen = parse(caption), things(picture)
    places: list[Found | None] = [*seen, *[None] * len(scene.things)]
    best = max(permutations(places, len(scene.things)), key=lambda some: _fit(some, scene))
    pairs = list(zip(best, scene.things, strict=True))
    sized = [(f, a) for f, a in pairs if a.size]
    return {
        "count": len(seen) == len(scene.things),
        "colour": all(f is not None and f.colour == a.colour for f, a in pairs),
        "shape": all(f is not None and f.shape == a.shape for f, a in pairs),
        "size": all(f is not None and f.size == a.size for f, a in sized) if sized else None,
        "relation": _related(best[0], best[1], scene.relation) if scene.relation else None,
    }


def _fit(some: Sequence[Found | None], scene: Scene) -> float:
    """How many attributes are right; of two things that are alike, the one on the right side is the first."""
    right = sum(found.fits(asked) for found, asked in zip(some, scene.things, strict=True) if found)
    return right + 0.5 * bool(scene.relation and _related(some[0], some[1], scene.relation))


def _related(first: Found | None, second: Found | None, relation: str) -> bool:
    """Is `first`, seen from `second`, in that direction, and further along it than aside?"""
    if first is None or second is None:
        return False
    dx, dy = first.centre[0] - second.centre[0], first.centre[1] - second.centre[1]
    x, y = RELATIONS[relation]
    return dx * x + dy * y > abs(dx * y) + abs(dy * x)


def things(picture: Tensor) -> list[Found]:
    """The things in uint8 (3, H, W), the largest four at most."""
    size = picture.shape[-1]
    ground = torch.tensor(GROUNDS["black"]).float().view(3, 1, 1)
    away = picture.float() - ground
    lit = away.norm(dim=0) > LIT
    names = nearest(away)
    found = []
    for k in range(len(COLOURS)):
        parts = components(lit & (names == k))
        for label in parts.unique().tolist():
            part = parts == label
            area = int(part.sum())
            if label and area >= SPECK * (size / 32) ** 2:
                found.append((area, part))
    found.sort(key=lambda pair: -pair[0])
    return [describe(picture, part) for _, part in found[:4]]


def describe(picture: Tensor, part: Tensor) -> Found:
    """The thing at the pixels `part` (H, W) bool, with what lies around it wiped away."""
    near = functional.max_pool2d(part[None].float(), 3, 1, 1)[0] > 0
    ground = torch.tensor(GROUNDS["black"], dtype=torch.uint8).view(3, 1, 1)
    alone = torch.where(near, picture, ground.expand_as(picture))
    mask = coverage(alone)
    shape = shape_of(alone, SHAPES).what
    radius = math.sqrt(float(mask.sum()) / (math.pi * SHARE.get(shape, 0.7))) / picture.shape[-1]
    middle = (RADII["small"][1] + RADII["large"][0]) / 2
    return Found(colour_of(alone, part), shape, "small" if radius < middle else "large", centroid(mask))


def colour_of(picture: Tensor, part: Tensor) -> str:
    """The name of the median colour at the pixels `part`, or «unclear» between two names."""
    if not part.any():
        return UNCLEAR
    ground = torch.tensor(GROUNDS["black"]).float()
    median = picture[:, part].float().median(dim=1).values - ground
    cosines = {
        name: float(functional.cosine_similarity(median, torch.tensor(rgb).float() - ground, dim=0))
        for name, rgb in COLOURS.items()
    }
    best = max(cosines, key=cosines.__getitem__)
    return best if cosines[best] >= SURE else UNCLEAR


def nearest(away: Tensor) -> Tensor:
    """(3, H, W) differences from the ground -> (H, W) number of the colour nearest in angle."""
    ground = torch.tensor(GROUNDS["black"]).float()
    directions = functional.normalize(torch.tensor(list(COLOURS.values())).float() - ground, dim=1)
    return torch.einsum("kc,chw->khw", directions, away).argmax(dim=0)


def components(mask: Tensor) -> Tensor:
    """(H, W) bool -> (H, W) int: a number for each set of pixels connected by sides or corners, 0 elsewhere."""
    H, W = mask.shape
    number = torch.arange(1.0, H * W + 1).view(1, H, W) * mask
    while True:
        grown = functional.max_pool2d(number, 3, 1, 1) * mask
        if torch.equal(grown, number):
            return number[0].long()
        number = grown
