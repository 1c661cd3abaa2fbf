"""Does a sample show what was asked for? Measured on the files of the demo, by rules that know only its generators.

    shape   the mask of the picture against each shape drawn at its centroid with its area: nearest by overlap (IoU)
    tone    pitch by autocorrelation in short frames, then the waveform by which harmonics of that pitch are there
    mover   the way of the mask's centroid from the first frame to the last

A check never guesses: a sample that fits no rule well enough is «unclear» and counts as wrong.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from modalities.data.shapes import SHAPES, distance

UNCLEAR = "unclear"


class Seen(NamedTuple):
    """What a check saw: a class name or `UNCLEAR`, and the numbers that it went by."""

    what: str
    note: str


# ---------------------------------------------------------------------------------------------------------- pictures

ENOUGH_OVERLAP = 0.75
"""Least IoU with the best template. The generator's own pictures reach 0.92 to 1; circle and square, the two that are
most alike, overlap each other by 0.83, ring and star by 0.41."""


def coverage(picture: Tensor) -> Tensor:
    """uint8 (C, H, W) -> (H, W) in [0, 1]: how far each pixel's colour is on the way from the ground to the shape.

    The ground is the median of the border, the shape the median of what lies far off it. The first 15 % of the way are
    left to noise, and the shade that the generator gives its shapes ends the way at 75 %.
    """
    pixels = picture.float()
    border = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], dim=1)
    away = pixels - border.median(dim=1).values.view(-1, 1, 1)
    far = away.norm(dim=0)
    shape = away[:, far >= far.max() / 2].median(dim=1).values
    on_the_way = (away * shape.view(-1, 1, 1)).sum(dim=0) / shape.square().sum().clamp_min(30.0**2)
    return ((on_the_way - 0.15) / 0.6).clamp(0, 1)


def shape_of(picture: Tensor, among: Sequence[str] = SHAPES) -> Seen:
    """uint8 (C, H, W) -> the shape of the embedded generator, one of `among`, that the picture overlaps most."""
    mask = coverage(picture)
    overlaps = {shape: _overlap(shape, mask) for shape in among} if mask.sum() > 9 else {UNCLEAR: 0.0}
    best = max(overlaps, key=overlaps.__getitem__)
    note = f"overlap {overlaps[best]:.2f}"
    return Seen(best if overlaps[best] >= ENOUGH_OVERLAP else UNCLEAR, note)


def _overlap(shape: str, mask: Tensor) -> float:
    """The largest IoU of `shape` with `mask`, near the centroid and the radius that its area gives."""
    size = mask.shape[-1]
    grid = torch.arange(size) + 0.5
    x, y = centroid(mask)
    unit = (0.5 - distance(shape, (grid - size / 2).view(1, -1), (grid - size / 2).view(-1, 1), size / 3)).clamp(0, 1)
    radius = size / 3 * math.sqrt(float(mask.sum() / unit.sum()))
    best = 0.0
    for stretch in (0.94, 1.0, 1.06):
        for dx in (-0.7, 0.0, 0.7):
            for dy in (-0.7, 0.0, 0.7):
                across, down = grid.view(1, -1) - x - dx, grid.view(-1, 1) - y - dy
                drawn = (0.5 - distance(shape, across, down, radius * stretch)).clamp(0, 1)
                best = max(best, float(torch.minimum(drawn, mask).sum() / torch.maximum(drawn, mask).sum()))
    return best


def centroid(mask: Tensor) -> tuple[float, float]:
    """(x, y) in pixels from the top left."""
    grid = torch.arange(mask.shape[-1]) + 0.5
    return float((mask.sum(0) * grid).sum() / mask.sum()), float((mask.sum(1) * grid).sum() / mask.sum())


# ------------------------------------------------------------------------------------------------------------- clips


def direction_of(clip: Tensor) -> Seen:
    """uint8 (T, H, W, C) -> left, right, up or down, where one shape moves steadily along one axis.

    Steadily: at least a tenth of the width, three times as far along as across, and more than 3/4 of the steps forward.
    """
    masks = [coverage(frame.movedim(-1, 0)) for frame in clip]
    if min(float(mask.sum()) for mask in masks) <= 9:
        return Seen(UNCLEAR, "no shape in some frame")
    way = torch.tensor([centroid(mask) for mask in masks])
    dx, dy = (way[-1] - way[0]).tolist()
    along, across = (0, 1) if abs(dx) > abs(dy) else (1, 0)
    moved = (dx, dy)[along]
    forward = float(((way[1:, along] - way[:-1, along]) * math.copysign(1, moved) > 0).float().mean())
    steady = abs(moved) > clip.shape[2] / 10 and abs(moved) > 3 * abs((dx, dy)[across]) and forward > 0.75
    names = (("left", "right"), ("up", "down"))
    what = names[along][int(moved > 0)] if steady else UNCLEAR
    return Seen(what, f"moved {dx:+.1f}, {dy:+.1f} px")
