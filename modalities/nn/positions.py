"""Where on the map a position lies: for data that are not alike everywhere, as a spectrogram over its frequencies.

    y + W (sin(2^k pi u), cos(2^k pi u))_{k < octaves},      u in (0, 1) along each axis

added to the features after the stem; W is learned from zero, so the network starts as one that does not know.
Absolute Fourier features as in Tancik et al. (2020), of the normalised position: maps of any size.
"""

import math

import torch
from torch import Tensor, nn

from modalities.nn.convolution import conv


def waves(size: int, octaves: int, device: torch.device) -> Tensor:
    """(2 octaves, size) along one axis."""
    u = (torch.arange(size, device=device) + 0.5) / size
    phase = math.pi * 2.0 ** torch.arange(octaves, device=device)[:, None] * u
    return torch.cat([phase.sin(), phase.cos()])


class Positions(nn.Module):
    """`forward(x (N, C, H, W)) -> x` plus what the network has learned of each place."""

    def __init__(self, channels: int, octaves: int) -> None:
        super().__init__()
        self.octaves = octaves
        self.weight = conv(4 * octaves, channels, (1, 1), zero=True)

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[-2:]
        down, across = waves(H, self.octaves, x.device), waves(W, self.octaves, x.device)
        features = torch.cat([down[:, :, None].expand(-1, H, W), across[:, None, :].expand(-1, H, W)])
        return x + self.weight(features.to(x.dtype)[None])
