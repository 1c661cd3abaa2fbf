"""Pixels of a clip: x0 = u / 127.5 - 1, with the channels moved in front of time as 3-D convolutions expect."""

import torch
from torch import Tensor


def encode(media: Tensor) -> Tensor:
    """uint8 (B, T, H, W, C) -> float32 (B, C, T, H, W) in [-1, 1]."""
    return (media.movedim(-1, 1).float() / 127.5 - 1).contiguous()


def decode(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> uint8 (B, T, H, W, C), rounded; values outside [-1, 1] are clipped."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(1, -1).contiguous()
