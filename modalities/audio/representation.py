"""Two views of a sound: its waveform, and its complex spectrogram with compressed amplitude. Both invert exactly.

    waveform       x0 = scale * w,                                   w (B, C, T) in [-1, 1)
    spectrogram    x0 = scale * pack(z |z|^(power - 1)),             z = STFT(w), Hann window, unit energy

The STFT is complex, so there is no phase to guess: the inverse is the least-squares one (Griffin & Lim 1984, eq. 6),
which is exact where every sample is covered by a non-zero window and the nearest sound for x0 that no sound has.
Sounds span many decades of amplitude; power 0.5 (as in Richter et al. 2023, «SGMSE», eq. 5) halves them in log.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Waveform:
    """The samples themselves. Shapes: wave (B, C, T) and x0 (B, C, T)."""

    scale: float = 1.0

    def event_shape(self, channels: int, samples: int) -> tuple[int, ...]:
        return channels, samples

    def encode(self, wave: Tensor) -> Tensor:
        return wave * self.scale

    def decode(self, x: Tensor) -> Tensor:
        return x / self.scale


@dataclass(frozen=True)
class Spectrogram:
    """Compressed complex STFT. Shapes: wave (B, C, T) and x0 (B, 2C, n_fft/2, T/hop), channels real, imaginary per C.

    The bins 0 and n_fft/2 (Nyquist) of a real signal are real: the second is kept as the imaginary part of the first,
    which makes the number of bins a power of two. Padding by (n_fft - hop)/2 on both sides gives T/hop frames exactly.
    """

    n_fft: int = 128
    hop: int = 64
    power: float = 0.5
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.n_fft < 4 or self.n_fft % 2:
            raise ValueError(f"n_fft={self.n_fft} must be even and at least 4")
        if not 0 < self.hop <= self.n_fft // 2 or self.hop % 2:
            raise ValueError(f"hop={self.hop} must be even and from 2 to n_fft/2={self.n_fft // 2}")
        if not 0 < self.power <= 1:
            raise ValueError(f"power={self.power} must be in (0, 1]; 1 is no compression")

    def event_shape(self, channels: int, samples: int) -> tuple[int, ...]:
        if samples % self.hop:
            near = max(1, round(samples / self.hop)) * self.hop
            raise ValueError(f"samples={samples} must be a multiple of hop={self.hop}; the nearest is {near}")
        return 2 * channels, self.n_fft // 2, samples // self.hop

    def encode(self, wave: Tensor) -> Tensor:
        """(B, C, T) -> (B, 2C, n_fft/2, T/hop), in the dtype of `wave`."""
        z = self.stft(wave)
        z = z * _tiny(z).pow(self.power - 1)
        first = torch.complex(z[..., :1, :].real, z[..., -1:, :].real)
        packed = torch.view_as_real(torch.cat([first, z[..., 1:-1, :]], dim=-2))  # (B, C, F, N, 2)
        return self.scale * packed.movedim(-1, 2).flatten(1, 2)

    def decode(self, x: Tensor) -> Tensor:
        """(B, 2C, n_fft/2, N) -> (B, C, N*hop), in the dtype of `x`."""
        real, imag = (x / self.scale).unflatten(1, (-1, 2)).unbind(2)  # each (B, C, F, N)
        edge = torch.zeros_like(real[..., :1, :])
        z = torch.cat(
            [
                torch.complex(real[..., :1, :], edge),
                torch.complex(real[..., 1:, :], imag[..., 1:, :]),
                torch.complex(imag[..., :1, :], edge),
            ],
            dim=-2,
        )
        return self.istft(z * _tiny(z).pow(1 / self.power - 1))

    def stft(self, wave: Tensor) -> Tensor:
        """(B, C, T) -> complex (B, C, n_fft/2 + 1, T/hop). White noise of unit variance has unit power in each bin."""
        pad = (self.n_fft - self.hop) // 2
        frames = nn.functional.pad(wave, (pad, pad)).unfold(-1, self.n_fft, self.hop)  # (B, C, N, n_fft)
        return torch.fft.rfft(frames * self._window(wave)).transpose(-1, -2)

    def istft(self, z: Tensor) -> Tensor:
        """complex (B, C, n_fft/2 + 1, N) -> (B, C, N*hop): sum of windowed frames over the sum of squared windows."""
        frames = torch.fft.irfft(z.transpose(-1, -2), n=self.n_fft)  # (B, C, N, n_fft)
        window = self._window(frames)
        wave = self._overlap_add(frames * window) / self._overlap_add((window**2).expand_as(frames[:1, :1]))
        return wave

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """(B, C, N, n_fft) -> (B, C, N*hop), without the padding."""
        count, pad = frames.shape[-2], (self.n_fft - self.hop) // 2
        columns = frames.flatten(0, 1).transpose(-1, -2)  # (B*C, n_fft, N)
        length = (count - 1) * self.hop + self.n_fft
        summed = nn.functional.fold(columns, (1, length), kernel_size=(1, self.n_fft), stride=(1, self.hop))
        return summed[:, 0, 0, pad : length - pad].unflatten(0, frames.shape[:2])

    def _window(self, like: Tensor) -> Tensor:
        window = torch.hann_window(self.n_fft, periodic=True, dtype=like.dtype, device=like.device)
        return window / window.square().sum().sqrt()


def _tiny(z: Tensor) -> Tensor:
    """|z|, kept off zero so that a negative power is finite; z itself is zero there, hence so is the product."""
    magnitude = z.abs()
    return magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny)
