"""The condition vector (B, E) of a network: noise level plus label, plus what other conditions add.

    e = W2 silu(W1 fourier(noise_label)) + table[label] + more   label -1, or none given: the table's last row

`noise_label` is -log_snr/8 in [-2.5, 2.5]; the frequencies, 0.25 to 32 rad per unit, resolve 0.02 of it.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.convolution import linear

FREQUENCIES = 32


def fourier(noise_label: Tensor) -> Tensor:
    """(B,) -> (B, 64): sqrt(2) times cosine and sine, so that the features have mean square 1."""
    steps = torch.linspace(math.log(0.25), math.log(32.0), FREQUENCIES, device=noise_label.device)
    phase = noise_label.float()[:, None] * steps.exp()
    return torch.cat([phase.cos(), phase.sin()], dim=1) * math.sqrt(2)


class Condition(nn.Module):
    """Embeds (noise_label (B,), cond, more (B, channels)) into (B, channels). Labels >= classes are not checked here:
    that would wait for the device."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.noise1 = linear(2 * FREQUENCIES, channels)
        self.noise2 = linear(channels, channels)
        self.label = nn.Embedding(classes + 1, channels) if classes else None

    def forward(self, noise_label: Tensor, cond: Mapping[str, Tensor] | None, more: Tensor | None = None) -> Tensor:
        features = fourier(noise_label).to(self.noise1.weight.dtype)
        e = self.noise2(functional.silu(self.noise1(features)))
        if self.label is not None:
            label = torch.full_like(noise_label, -1, dtype=torch.int64)
            if cond is not None and "label" in cond:
                label = cond["label"]
            e = e + self.label(torch.where(label < 0, self.classes, label))
        if more is not None:
            e = e + more
        return functional.silu(e)
