"""One image to one PNG file."""

import io
from pathlib import Path

from torch import Tensor

from modalities.writing import write_bytes


def write(media: Tensor, path: Path) -> None:
    """uint8 (C, H, W) with C = 1 (grey), 3 (RGB) or 4 (RGBA); lossless."""
    from PIL import Image

    pixels = media.detach().cpu().movedim(0, -1).contiguous().numpy()  # (H, W, C)
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, format="png")
    write_bytes(buffer.getvalue(), path)
