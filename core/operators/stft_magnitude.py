"""Magnitudes of short Fourier transforms along the last axis, as of a spectrogram without phase. Not linear.

y[k, f] = |sum_n window(n) x0(k hop + n) e^(-2 pi i f n / size)|,      window = Hann's, the signal periodic.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class STFTMagnitude:
    """Windows of `size` elements, one every `hop`: (B, *rest, n) -> (B, *rest, n / hop, size // 2 + 1).

    Frames overlap, so not every array of magnitudes belongs to a signal and no projection is known: solvers that
    follow the gradient take it, others refuse. Raises ValueError unless 1 <= hop <= size, or where n is shorter than
    a window or no multiple of `hop`.
    """

    size: int = 16
    hop: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.size:
            raise ValueError(f"operator stft_magnitude: needs 1 <= hop <= size, got {self.hop} and {self.size}")

    def __call__(self, x0: Tensor) -> Tensor:
        n = x0.shape[-1]
        if n < self.size or n % self.hop:
            raise ValueError(
                f"operator stft_magnitude: needs a multiple of hop {self.hop}, no less than {self.size}, got length {n}"
            )
        wide = x0.to(torch.promote_types(x0.dtype, torch.float32))
        around = torch.cat([wide, wide[..., : self.size - self.hop]], -1).unfold(-1, self.size, self.hop)
        window = torch.hann_window(self.size, dtype=wide.dtype, device=wide.device)
        return torch.fft.rfft(around * window).abs().to(x0.dtype)


stft_magnitude = STFTMagnitude
