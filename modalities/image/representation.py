"""Pixels: x0 = u / 127.5 - 1 for stored u in 0 … 255. Exact both ways: decode(encode(u)) = u for all 256 values."""

import torch
from torch import Tensor


def encode(media: Tensor) -> Tensor:
    """uint8 (B, C, H, W) -> float32 (B, C, H, W) in [-1, 1]."""
    return media.float() / 127.5 - 1


def decode(x: Tensor) -> Tensor:
    """(B, C, H, W) -> uint8 (B, C, H, W), rounded; values outside [-1, 1] are clipped."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
