"""Magnitudes of the Fourier transform (phase retrieval): y = |F x0|, F unitary. Not linear.

Shifting or mirroring x0 leaves y as it is, so its posterior has several modes even where the prior has one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.operators._axes import check_axes, check_rank


@dataclass(frozen=True)
class Magnitude:
    """`axes` counted from the end; y has half of the last of them, n // 2 + 1 frequencies of a real signal."""

    axes: tuple[int, ...] = (-1,)

    def __post_init__(self) -> None:
        check_axes("magnitude", self.axes)

    def _spectrum(self, x0: Tensor) -> Tensor:
        check_rank("magnitude", x0, -min(self.axes))
        wide = x0.to(torch.promote_types(x0.dtype, torch.float32))
        return torch.fft.rfftn(wide, dim=self.axes, norm="ortho")

    def __call__(self, x0: Tensor) -> Tensor:
        return self._spectrum(x0).abs().to(x0.dtype)

    def project(self, x0: Tensor, y: Tensor) -> Tensor:
        """The phases of x0 with the magnitudes y of a real signal (Gerchberg & Saxton 1972); 0 where x0 has none."""
        spectrum = self._spectrum(x0)
        size = spectrum.abs()
        phase = torch.where(size > 0, spectrum / size.clamp_min(torch.finfo(size.dtype).tiny), 1.0)
        lengths = [x0.shape[a] for a in self.axes]
        return torch.fft.irfftn(phase * y, s=lengths, dim=self.axes, norm="ortho").to(x0.dtype)


magnitude = Magnitude
