"""Finite scalar quantisation (Mentzer et al. 2023, sec. 3.1): every number of z is rounded to a few levels.

    y = r tanh(h + shift) - offset,     z = round(y) / floor(L / 2),     r = (L - 1) (1 + 1e-3) / 2

offset is 1/2 where L is even, and r tanh(shift) = offset, so that h = 0 lies at 0. The gradient passes the rounding as
if it were not there. The codes are a grid, prod L of them; nothing is learned, no code can die, and there is no loss.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from modalities.latents.autoencoder import Coded
from modalities.latents.bottlenecks._use import perplexity

SLACK = 1e-3
"""By how much tanh overshoots the outermost level, which it would otherwise only reach at infinity."""


class Fsq(nn.Module):
    """levels: of each channel of z, each at least 2; (8, 5, 5, 5) are 1000 codes. ValueError where out of range."""

    reach: Tensor
    offset: Tensor
    shift: Tensor
    steps: Tensor
    place: Tensor

    def __init__(self, *, levels: tuple[int, ...] = (8, 5, 5, 5)) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"bottleneck fsq: levels must be a list of numbers from 2 on, got {list(levels)}")
        self.levels = tuple(levels)
        self.channels = self.in_channels = len(levels)
        counts = torch.tensor(levels, dtype=torch.float64)
        reach, offset = (counts - 1) * (1 + SLACK) / 2, (counts % 2 == 0) / 2
        place = [math.prod(levels[:i]) for i in range(len(levels))]
        for name, value in (("reach", reach), ("offset", offset), ("shift", torch.atanh(offset / reach))):
            self.register_buffer(name, value.float(), persistent=False)
        self.register_buffer("steps", torch.tensor([n // 2 for n in levels]).float(), persistent=False)
        self.register_buffer("place", torch.tensor(place), persistent=False)

    @property
    def codes(self) -> int:
        """How many there are."""
        return math.prod(self.levels)

    def noise(self, batch: int, size: Sequence[int], generator: torch.Generator, mine: slice) -> Tensor:
        """(b, 0): nothing is random."""
        return torch.empty(batch, 0, device=generator.device)[mine]

    def forward(self, h: Tensor, noise: Tensor, numbers: int) -> Coded:
        z = self.encode(h)
        used = torch.bincount(self.indices(z.detach()).flatten(), minlength=self.codes)
        return Coded(z, z.new_zeros(len(z)), {"perplexity": perplexity(used)})

    def encode(self, h: Tensor) -> Tensor:
        """The codes z (B, channels, *size) in [-1, 1], with the gradient of the values before rounding."""
        reach, offset, shift, steps = (along(v, h) for v in (self.reach, self.offset, self.shift, self.steps))
        y = reach * torch.tanh(h.float() + shift) - offset
        return (y + (y.round() - y).detach()) / steps

    def indices(self, z: Tensor) -> Tensor:
        """z (B, channels, *size) -> the number of each code, (B, *size) int64, 0 … codes - 1."""
        digits = (z * along(self.steps, z) + along(self.steps, z)).round().long()
        return (digits * along(self.place, z)).sum(1)

    def of(self, indices: Tensor) -> Tensor:
        """The inverse of `indices`: (B, *size) -> z (B, channels, *size)."""
        counts = torch.tensor(self.levels, device=indices.device)
        digits = indices.unsqueeze(1) // along(self.place, indices.unsqueeze(1)) % along(counts, indices.unsqueeze(1))
        steps = along(self.steps, digits)
        return (digits - steps) / steps


def along(values: Tensor, like: Tensor) -> Tensor:
    """(channels,) -> (1, channels, 1, …), to go with maps (B, channels, *size)."""
    return values.reshape(1, -1, *[1] * (like.ndim - 2))


fsq = Fsq
