"""Features of a frozen encoder as tokens: normalised, since encoders differ in scale a hundredfold, then projected.

token = W norm(state)                    states (B, L, D), NaN beyond their end -> tokens (B, L, channels), mask
"""

import torch
from torch import Tensor, nn

from modalities.nn.convolution import linear
from modalities.nn.norm import normalise


class Projected(nn.Module):
    """`forward(rows (B, L, width)) -> (tokens (B, L, channels), mask (B, L))`; no value is looked at on the host."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.project = linear(width, channels)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        mask = ~rows.isnan().any(dim=-1)
        states = torch.where(mask[..., None], rows, torch.zeros_like(rows))
        return self.project(normalise(states)), mask
