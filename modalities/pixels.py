"""Bringing pictures of any size to one size and channel count, on the device, in batches. Used by image and video."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, what Pillow's convert("L") uses


def fit(media: Tensor, size: int, channels: int) -> Tensor:
    """uint8 (N, C, H, W) -> uint8 (N, channels, size, size).

    The shorter side is resized to `size` (bicubic, antialiased) and the longer one cropped at the centre, so nothing is
    distorted. What already fits is returned as it is, bit for bit.
    """
    media = recolour(media, channels)
    height, width = media.shape[-2:]
    if (height, width) == (size, size):
        return media
    short = min(height, width)
    if short != size:
        target = [max(size, round(side * size / short)) for side in (height, width)]
        resized = interpolate(media.float(), size=target, mode="bicubic", align_corners=False, antialias=True)
        media = resized.round().clamp(0, 255).to(torch.uint8)
    top, left = ((side - size) // 2 for side in media.shape[-2:])
    return media[..., top : top + size, left : left + size]


def recolour(media: Tensor, channels: int) -> Tensor:
    """Grey to RGB by repetition, RGB to grey by luma; an alpha channel (the 2nd or the 4th) blends with black."""
    if media.shape[1] in (2, 4) and media.shape[1] != channels:
        alpha = media[:, -1:].float() / 255
        media = (media[:, :-1] * alpha).round().to(torch.uint8)
    if media.shape[1] == 3 and channels == 1:
        luma = torch.tensor(LUMA, device=media.device).view(-1, 1, 1)
        return (media * luma).sum(dim=1, keepdim=True).round().clamp(0, 255).to(torch.uint8)
    if media.shape[1] == 1 and channels == 3:
        return media.expand(-1, 3, -1, -1)
    if media.shape[1] != channels:
        raise ValueError(f"cannot make {channels} channels of pictures with {media.shape[1]}; use channels=1 or 3")
    return media


def mirror(media: Tensor, axis: int, generator: Generator) -> Tensor:
    """Mirror each example of (B, ...) left to right with probability 1/2, decided by `generator` alone."""
    coins = torch.rand(len(media), generator=generator, device=generator.device).to(media.device) < 0.5
    shape = (-1,) + (1,) * (media.ndim - 1)
    return torch.where(coins.view(shape), media.flip(axis), media)
