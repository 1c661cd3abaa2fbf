"""Many clips for the eye: as one clip of clips in step, as a still of their frames, or the stages of one clip."""

import io
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from modalities.tiling import DARK, columns_for, evenly, grid
from modalities.video.writer import write
from modalities.writing import write_bytes


def sheet(media: Tensor, path: Path, captions: Sequence[str] = (), *, fps: float, columns: int = 0) -> None:
    """uint8 (n, T, H, W, C) -> one .mp4 in which all clips play in step, each about 128 pixels wide.

    columns: clips per row; 0 makes the grid about square.
    """
    columns = columns or columns_for(len(media))
    write(torch.stack([_frame(media[:, t], captions, columns) for t in range(media.shape[1])]), path, fps)


def _frame(media: Tensor, captions: Sequence[str], columns: int) -> Tensor:
    """One moment of all clips, uint8 (n, H, W, C) -> (H', W', 3)."""
    picture = grid(media.movedim(-1, 1), captions, columns=columns, background=DARK).convert("RGB")
    flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return flat.view(picture.height, picture.width, 3)


def still(media: Tensor, path: Path, captions: Sequence[str] = (), *, frames: int = 3) -> None:
    """uint8 (n, T, H, W, C) -> a PNG with a clip per row: `frames` of its moments, first and last included."""
    moments = media[:, evenly(frames, media.shape[1])]  # (n, k, H, W, C)
    count = moments.shape[1]
    below = [text for caption in captions for text in (caption, *[""] * (count - 1))]
    _save(moments.flatten(0, 1), path, below, columns=count)


def strip(media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
    """uint8 (n, T, H, W, C) -> a PNG with one stage per column: its first, middle and last frame, top to bottom."""
    moments = media[:, evenly(3, media.shape[1])].transpose(0, 1)  # (k, n, H, W, C)
    below = [""] * (len(media) * (len(moments) - 1)) + list(captions)
    _save(moments.flatten(0, 1), path, below, columns=len(media))


def _save(frames: Tensor, path: Path, captions: Sequence[str], columns: int) -> None:
    """uint8 (n, H, W, C) -> PNG."""
    buffer = io.BytesIO()
    grid(frames.movedim(-1, 1), captions, columns=columns).save(buffer, format="png")
    write_bytes(buffer.getvalue(), path)
