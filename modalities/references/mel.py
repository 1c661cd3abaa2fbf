"""The log-mel spectrogram of a sound: what a vocoder is given.

    m = log(max(M |STFT(w)|, floor)),      frame k is centred on sample (k + 1/2) hop

|STFT| is the magnitude over a Hann window of n_fft samples with the window's sum divided out, so that a sine of
amplitude a reads a/2 at its bin; M is the bank of triangular filters on Slaney's mel scale with peak 1 (O'Shaughnessy
1987; as in torchaudio and librosa with norm=None). Padding by (n_fft - hop)/2 on both sides gives T/hop frames.
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True, kw_only=True)
class Mel:
    """sample_rate, fmin and fmax in Hz (fmax None: half the rate); n_fft and hop in samples; floor: lowest amplitude.

    Raises ValueError for values out of range, and where so many filters are so narrow that some contain no bin.
    """

    sample_rate: int = 8000
    n_mels: int = 40
    n_fft: int = 256
    hop: int = 64
    fmin: float = 0.0
    fmax: float | None = None
    floor: float = 1e-3

    def __post_init__(self) -> None:
        if self.n_mels < 1 or self.hop < 2 or self.hop % 2 or self.n_fft < self.hop or self.n_fft % 2:
            raise ValueError(
                f"mel: n_mels={self.n_mels} must be at least 1, hop={self.hop} even, "
                f"n_fft={self.n_fft} even and at least hop"
            )
        if not 0 <= self.fmin < self.highest <= self.sample_rate / 2:
            raise ValueError(
                f"mel: fmin={self.fmin:g} and fmax={self.highest:g} must rise, up to {self.sample_rate / 2:g} Hz"
            )
        if not 0 < self.floor < 1:
            raise ValueError(f"mel: floor={self.floor} must lie in (0, 1), an amplitude")

    @property
    def highest(self) -> float:
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @functools.cache  # noqa: B019  # a handful of settings in a process, asked for at every step of training
    def bank(self) -> Tensor:
        """The filters: (n_fft/2 + 1, n_mels), not to be changed."""
        from torchaudio.functional import melscale_fbanks

        # An empty filter is a ValueError below; torchaudio's own warning would come first.
        bank = melscale_fbanks(
            self.n_fft // 2 + 1, self.fmin, self.highest, self.n_mels, self.sample_rate, None, "slaney"
        )
        if bool((bank.amax(0) == 0).any()):
            raise ValueError(
                f"mel: {self.n_mels} filters from {self.fmin:g} to {self.highest:g} Hz are narrower than the bins of "
                f"n_fft={self.n_fft}: use fewer filters or a longer window"
            )
        return bank

    def magnitude(self, wave: Tensor) -> Tensor:
        """(..., T) -> (..., n_fft/2 + 1, T/hop). Raises ValueError where hop does not divide T."""
        if wave.shape[-1] % self.hop:
            raise ValueError(f"mel: hop={self.hop} must divide the length of {wave.shape[-1]} samples")
        side = (self.n_fft - self.hop) // 2
        frames = pad(wave, (side, side)).unfold(-1, self.n_fft, self.hop)
        window = torch.hann_window(self.n_fft, dtype=wave.dtype, device=wave.device)
        return (torch.fft.rfft(frames * window).abs() / window.sum()).transpose(-1, -2)

    def __call__(self, wave: Tensor) -> Tensor:
        """Samples in [-1, 1], (..., T) -> natural logarithms (..., n_mels, T/hop), none below log(floor)."""
        bank = self.bank().to(wave)
        return (bank.T @ self.magnitude(wave)).clamp_min(self.floor).log()

    def scaled(self, log_mel: Tensor) -> Tensor:
        """log(floor) … 0 -> -1 … 1: what a network is shown."""
        return 1 - 2 * log_mel / math.log(self.floor)

    def spread(self) -> Tensor:
        """(n_fft/2 + 1, n_mels): weights by which each bin of a linear spectrum reads its log from those of the mels.

        The filters that cover a bin, in proportion; a bin that none covers takes the nearest one that is covered.
        """
        bank = self.bank()
        covered = bank.sum(1) > 0
        at = torch.arange(len(bank))
        nearest = (at[:, None] - at[covered][None]).abs().argmin(1)
        rows = bank[covered][nearest]
        return rows / rows.sum(1, keepdim=True)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Log-spectral distance of log-mels (B, n_mels, N) in decibels, (B,): root mean square over mels, mean over frames.

    With natural logarithms of amplitude, a factor of 20 / ln 10 (Rabiner & Juang 1993, sec. 4.5.1).
    """
    decibels = 20 / math.log(10) * (a - b)
    return decibels.square().mean(-2).sqrt().mean(-1)
