"""Many images as one PNG: a grid of samples, or the stages of one sample in a row."""

import io
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from modalities.tiling import columns_for, grid
from modalities.writing import write_bytes


def sheet(media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
    """uint8 (n, C, H, W) -> a grid, each image about 128 pixels wide with its caption below."""
    _save(media, path, captions, columns=columns_for(len(media)))


def strip(media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
    """uint8 (n, C, H, W) -> one row, in the order given."""
    _save(media, path, captions, columns=len(media))


def _save(media: Tensor, path: Path, captions: Sequence[str], columns: int) -> None:
    buffer = io.BytesIO()
    grid(media, captions, columns=columns).save(buffer, format="png")
    write_bytes(buffer.getvalue(), path)
