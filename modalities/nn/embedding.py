"""The condition vector (B, E) of a network: noise level plus label, plus what other conditions add.

    e = W2 silu(W1 fourier(noise_label)) + table[label] + more   label -1, or none given: the table's last row

Where the network jumps, noise_label is (B, 2), and a second pair of W's takes how far: its last one is zero at the
start, so that the jump begins as the mean.

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
    """Embeds (noise_label (B,) or (B, 2), cond, more (B, channels)) into (B, channels). Labels >= classes are not
    checked here: that would wait for the device."""

    def __init__(self, channels: int, classes: int, *, jumps: bool = False) -> None:
        super().__init__()
        self.classes = classes
        self.noise1 = linear(2 * FREQUENCIES, channels)
        self.noise2 = linear(channels, channels)
        self.label = nn.Embedding(classes + 1, channels) if classes else None
        if jumps:
            self.leap1 = linear(2 * FREQUENCIES, channels)
            self.leap2 = linear(channels, channels, zero=True)
        self.jumps = jumps

    def forward(self, noise_label: Tensor, cond: Mapping[str, Tensor] | None, more: Tensor | None = None) -> Tensor:
        dtype = self.noise1.weight.dtype
        noise_label, *leap = noise_label.unbind(1) if self.jumps else (noise_label,)
        e = self.noise2(functional.silu(self.noise1(fourier(noise_label).to(dtype))))
        if self.jumps:
            e = e + self.leap2(functional.silu(self.leap1(fourier(leap[0]).to(dtype))))
        if self.label is not None:
            label = torch.full_like(noise_label, -1, dtype=torch.int64)
            if cond is not None and "label" in cond:
                label = cond["label"]
            e = e + self.label(torch.where(label < 0, self.classes, label))
        if more is not None:
            e = e + more
        return functional.silu(e)
