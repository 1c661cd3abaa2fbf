"""Pictures tiled into one for the eye, magnified without smoothing, each with a caption below.

The background of a still is transparent and the ink a grey that has the same contrast (4.6) on white and on black, so
that a figure fits a light page and a dark one. A video has no transparency: it gets one dark background.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

INK = (118, 118, 118, 255)
CLEAR = (0, 0, 0, 0)
DARK = (22, 24, 29, 255)
GAP = 6
LINE = 18  # pixels per line of caption
FONT = 12


def columns_for(count: int) -> int:
    """A grid about as wide as high, wider if it cannot be square."""
    return max(1, math.ceil(math.sqrt(count)))


def magnification(side: int, wanted: int) -> int:
    """The whole factor that brings `side` nearest to `wanted` pixels; never below 1."""
    return max(1, round(wanted / side))


def rgb(media: Tensor) -> Tensor:
    """uint8 (n, C, H, W) -> (n, 3, H, W) on the CPU, grey repeated."""
    media = media.detach().cpu()
    return media.expand(-1, 3, -1, -1) if media.shape[1] == 1 else media[:, :3]


def grid(
    media: Tensor,
    captions: Sequence[str] = (),
    *,
    columns: int,
    wanted: int = 128,
    background: tuple[int, int, int, int] = CLEAR,
) -> "Image":
    """uint8 (n, C, H, W) -> one RGBA picture with tiles about `wanted` pixels wide, row by row."""
    from PIL import Image, ImageDraw, ImageFont

    if len(media) == 0:
        raise ValueError("a sheet needs at least one example")
    factor = magnification(media.shape[-1], wanted)
    tiles = rgb(media).repeat_interleave(factor, -1).repeat_interleave(factor, -2).movedim(1, -1).contiguous()
    height, width = tiles.shape[1:3]
    tops = [0]  # of each row, and where the last one ends; a row without captions is lower
    for row in range(0, len(tiles), columns):
        tops.append(tops[-1] + height + GAP + (LINE if any(captions[row : row + columns]) else 0))
    picture = Image.new("RGBA", (columns * (width + GAP) - GAP, tops[-1] - GAP), background)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT)
    for i, tile in enumerate(tiles):
        left, top = i % columns * (width + GAP), tops[i // columns]
        picture.paste(Image.fromarray(tile.numpy()), (left, top))
        if i < len(captions) and captions[i]:
            text = shorten(captions[i], width, font.getlength)
            draw.text((left + width / 2, top + height + 2), text, fill=INK, font=font, anchor="ma")
    return picture


def shorten(text: str, width: float, measure: Callable[[str], float]) -> str:
    """`text`, or its longest beginning that fits `width` pixels with an ellipsis."""
    if measure(text) <= width:
        return text
    while text and measure(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def evenly(count: int, total: int) -> list[int]:
    """`count` indices from 0 to total - 1, both ends included, as evenly as whole numbers allow."""
    return torch.linspace(0, total - 1, min(count, total)).round().long().tolist()
