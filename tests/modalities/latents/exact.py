"""An autoencoder that loses nothing: space to depth, `factor` positions along every axis but time become channels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Exact(nn.Module):
    """z = 3 * (x0 with windows folded into channels) + 1, so that shift and scale have something to do."""

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor
        self.gain = nn.Parameter(torch.tensor(3.0))

    def latent_shape(self, event_shape: Sequence[int]) -> tuple[int, ...]:
        C, *size = event_shape
        first = 1 if len(size) == 3 else 0
        folded = [n // self.factor if axis >= first else n for axis, n in enumerate(size)]
        return C * self.factor ** (len(size) - first), *folded

    def encode(self, x0: Tensor) -> Tensor:
        return self.gain * self._fold(x0) + 1

    def decode(self, z: Tensor) -> Tensor:
        return self._unfold((z - 1) / self.gain)

    def _fold(self, x: Tensor) -> Tensor:
        f = self.factor
        if x.ndim == 3:
            return x.unflatten(-1, (-1, f)).movedim(-1, 2).flatten(1, 2)
        x = x.unflatten(-1, (-1, f)).unflatten(-3, (-1, f))  # axes: … H f W f
        return x.movedim((-3, -1), (2, 3)).flatten(1, 3)

    def _unfold(self, z: Tensor) -> Tensor:
        f = self.factor
        if z.ndim == 3:
            return z.unflatten(1, (-1, f)).movedim(2, -1).flatten(-2)
        z = z.unflatten(1, (-1, f, f)).movedim((2, 3), (-3, -1))
        return z.flatten(-4, -3).flatten(-2)
