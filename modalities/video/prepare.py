"""Clips of any size and length to one, on the device, in batches."""

import torch
from torch import Tensor

from modalities import pixels


def fit(media: Tensor, size: int, frames: int, channels: int) -> Tensor:
    """uint8 (B, T, H, W, C) -> uint8 (B, frames, size, size, channels).

    The source has chosen which frames to decode; a longer clip is cut at its end. A shorter one is a ValueError.
    """
    if media.shape[1] < frames:
        raise ValueError(f"a clip has {media.shape[1]} frames, fewer than frames={frames}")
    media = media[:, :frames]
    flat = media.flatten(0, 1).movedim(-1, 1)  # (B*T, C, H, W)
    return pixels.fit(flat, size, channels).movedim(1, -1).unflatten(0, media.shape[:2])


def mirror(media: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror whole clips (B, T, H, W, C): every frame of a clip or none."""
    return pixels.mirror(media, -2, generator)
