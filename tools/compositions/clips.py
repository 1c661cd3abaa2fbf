"""What a clip of walks shows: direction by the way of the shape, speed by its length, colour and shape by vote.

See `modalities.video.compositions` for what there is to be seen.
"""

from collections import Counter

import torch
from torch import Tensor

from modalities.video.compositions import SHAPES, SPEEDS, parse
from tools.compositions.pictures import Verdict, colour_of
from tools.demonstration.checks import centroid, coverage, direction_of, shape_of

LOOKED_AT = 5
"""Frames that vote for shape and colour."""


def judge(clip: Tensor, caption: str) -> Verdict:
    """uint8 (T, H, W, 3) against a caption of the grammar: colour, shape, direction, speed (None where not said)."""
    walk = parse(caption)
    pictures = [clip[int(t)].movedim(-1, 0) for t in torch.linspace(0, len(clip) - 1, LOOKED_AT).round()]
    return {
        "colour": vote([colour(picture) for picture in pictures]) == walk.colour,
        "shape": vote([shape_of(picture, SHAPES).what for picture in pictures]) == walk.shape,
        "direction": direction_of(clip).what == walk.direction,
        "speed": speed_of(clip) == walk.speed if walk.speed else None,
    }


def vote(said: list[str]) -> str:
    return Counter(said).most_common(1)[0][0]


def colour(picture: Tensor) -> str:
    """The name of the shape's colour in uint8 (3, H, W)."""
    return colour_of(picture, coverage(picture) > 0.9)


def speed_of(clip: Tensor) -> str:
    """Slowly or quickly: the share that was covered of the way between the edges, for a shape of this extent."""
    masks = [coverage(frame.movedim(-1, 0)) for frame in (clip[0], clip[-1])]
    if min(float(mask.sum()) for mask in masks) <= 9:
        return "unclear"
    (x0, y0), (x1, y1) = (centroid(mask) for mask in masks)
    across = abs(x1 - x0) > abs(y1 - y0)
    extents = [(mask.amax(dim=0 if across else 1) > 0.5).sum() for mask in masks]
    room = clip.shape[2] - float(sum(extents)) / 2
    covered = max(abs(x1 - x0), abs(y1 - y0)) / max(room, 1.0)
    return "slowly" if covered < (SPEEDS["slowly"][1] + SPEEDS["quickly"][0]) / 2 else "quickly"
