"""Anti-aliased shapes by signed distance, in a few clear colours: what the image and video generators draw.

    coverage = clamp(1/2 - d, 0, 1),   d = distance in pixels to the outline, negative inside.

A pixel's coverage is so within a few percent of the area that the shape covers of it.
"""

import math

import torch
from torch import Tensor

SHAPES = ("circle", "ring", "square", "star", "triangle")
COLOURS = {
    "red": (238, 58, 50),
    "yellow": (255, 214, 51),
    "green": (52, 204, 96),
    "cyan": (48, 205, 225),
    "blue": (74, 108, 255),
    "magenta": (228, 76, 220),
}
GROUNDS = {"black": (8, 8, 12), "navy": (14, 18, 52), "plum": (46, 14, 42)}
"""Dark backgrounds."""
LUMA = (0.299, 0.587, 0.114)
"""Grey of RGB, ITU-R BT.601."""
SIZES = ("small", "medium", "large")


def distance(shape: str, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Signed distance to the outline of `shape` around (0, 0), y pointing down; each fits a circle of `radius`."""
    if shape == "circle":
        return torch.hypot(x, y) - radius
    if shape == "ring":
        return (torch.hypot(x, y) - 0.75 * radius).abs() - 0.25 * radius
    if shape == "square":
        half = radius / math.sqrt(2)
        return torch.maximum(x.abs(), y.abs()) - half
    points, inner = {"triangle": (3, 0.5), "star": (5, 0.42)}[shape]
    # Fold the plane into one half of one point: there the outline is the line from the tip to the inner corner.
    wedge = math.pi / points
    angle = torch.remainder(torch.atan2(x, -y) + wedge, 2 * wedge) - wedge
    length = torch.hypot(x, y)
    along, across = length * torch.cos(angle), length * torch.sin(angle.abs())
    tip_to_corner = (inner * math.cos(wedge) - 1, inner * math.sin(wedge))
    scale = math.hypot(*tip_to_corner)
    edge = ((along - radius) * tip_to_corner[1] - across * tip_to_corner[0]) / scale
    return torch.maximum(edge, length - radius)  # the second rounds the tip, which the line alone would smear


def draw(shape: str, colour: str, ground: str, centres: Tensor, radius: float, size: int, channels: int) -> Tensor:
    """uint8 (n, channels, size, size): the shape at each of `centres` (n, 2), x and y in pixels from the top left.

    Lit from the upper left: the colour falls to 3/4 across the shape. One channel is the luma of the three.
    """
    grid = torch.arange(size) + 0.5
    x = grid.view(1, 1, size) - centres[:, 0].view(-1, 1, 1)
    y = grid.view(1, size, 1) - centres[:, 1].view(-1, 1, 1)
    coverage = (0.5 - distance(shape, x, y, radius)).clamp_(0, 1)
    light = (0.875 - (x + y) * (0.125 / (math.sqrt(2) * radius))).clamp_(0.75, 1)
    pixels = []
    for fore, back in zip(*(_channels(rgb, channels) for rgb in (COLOURS[colour], GROUNDS[ground])), strict=True):
        pixels.append((back + coverage * (fore * light - back)).add_(0.5).to(torch.uint8))
    return torch.stack(pixels, dim=1)


def _channels(rgb: tuple[int, int, int], channels: int) -> tuple[float, ...]:
    if channels == 1:
        return (sum(weight * value for weight, value in zip(LUMA, rgb, strict=True)),)
    if channels == 3:
        return rgb
    raise ValueError(f"channels={channels}: shapes are drawn with 1 or 3")
