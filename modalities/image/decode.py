"""Any image that Pillow reads -> uint8 (C, size, size).

An image is turned as its EXIF orientation says, flattened to 1 or 3 channels (transparency over black), resized so that
it covers the square, and cropped at the centre: sizes differ, so that is done here, where it is decoded.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modalities.data.example import BadFile
from modalities.data.item import Item


@dataclass(frozen=True)
class ImageDecoder:
    """`decode(item, where) -> (uint8 (channels, size, size), 0)`; nothing about it is random."""

    size: int
    channels: int

    def __call__(self, item: Item, where: float) -> tuple[Tensor, int]:
        from PIL import Image, ImageOps

        # Pillow refuses more than 179 million pixels as a possible attack; here they are the user's own pictures.
        Image.MAX_IMAGE_PIXELS = None
        try:
            with item.stream() as file, Image.open(file) as image:
                short = min(image.size)
                if image.format == "JPEG" and short > 4 * self.size:
                    scale = 2 * self.size / short  # decodes at 1/2, 1/4 or 1/8, still twice as large as needed
                    image.draft(None, (int(image.width * scale), int(image.height * scale)))
                ImageOps.exif_transpose(image, in_place=True)
                return to_tensor(cover(flatten(image, self.channels), self.size)), 0
        except MemoryError:
            raise
        except Exception as error:  # a damaged file can raise anything in Pillow's parsers
            raise BadFile(reason(error)) from error


def reason(error: Exception) -> str:
    """Pillow's words for what is wrong with a file, in one line."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image that Pillow knows"
    return " ".join(str(error).split()) or type(error).__name__


def flatten(image: Any, channels: int) -> Any:
    """A Pillow image of any mode as 8-bit grey (L) or RGB."""
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert(mode) if image.mode != mode else image


def eight_bit(image: Any) -> Any:
    """Grey of 16 or 32 bits, or in floating point: 16-bit integers keep their high byte, floats up to 1 are scaled."""
    import numpy
    from PIL import Image

    values = numpy.asarray(image)
    if values.dtype.kind == "f":
        values = numpy.nan_to_num(values)
        values = values * 255 if values.max() <= 1 else values
        return Image.fromarray(values.clip(0, 255).round().astype(numpy.uint8))
    if image.mode != "I" or values.max() > 255:
        values = values.clip(0, 65535) >> 8
    return Image.fromarray(values.astype(numpy.uint8))


def cover(image: Any, size: int) -> Any:
    """The centred square of `image`, resampled to `size` (Lanczos; bicubic to enlarge). An exact fit stays as it is."""
    from PIL import Image

    width, height = image.size
    if (width, height) == (size, size):
        return image
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    method = Image.Resampling.LANCZOS if short > size else Image.Resampling.BICUBIC
    return image.resize((size, size), method, box=(left, top, left + short, top + short), reducing_gap=3.0)


def to_tensor(image: Any) -> Tensor:
    """An 8-bit Pillow image as uint8 (C, H, W)."""
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.view(image.height, image.width, -1).permute(2, 0, 1).contiguous()
