"""Spectra of sounds in decibels of full scale, and the distance between them.

    L(f) = mean over time of 20 log10(|S(f, t)| + 1e-4)
    d    = sqrt(mean_f (L_a(f) - L_b(f))^2)                      log-spectral distance (Gray & Markel 1976)

of two sets by their mean L, where no sound of one belongs to one of the other; of pairs, `paired`, bin by bin.
"""

import torch
from torch import Tensor

WINDOW, FLOOR = 512, 1e-4
"""Samples of a Hann window, half of which is the hop; -80 dB, below which nothing counts."""


def levels(media: Tensor) -> Tensor:
    """int16 (B, C, T) -> (B, bins, frames) in dB: 0 for a full-scale sine. Channels are averaged."""
    wave = media.float().mean(1) / 32768
    n_fft = min(WINDOW, 2 ** int(torch.tensor(float(wave.shape[-1])).log2()))
    window = torch.hann_window(n_fft, device=media.device)
    spectrum = torch.stft(wave, n_fft, n_fft // 2, window=window, return_complex=True, pad_mode="constant")
    return 20 * (spectrum.abs() * (2 / window.sum()) + FLOOR).log10()


def mean_levels(media: Tensor) -> Tensor:
    """int16 (B, C, T) -> (B, bins): the mean over time."""
    return levels(media).mean(-1)


def spectral_distance(a: Tensor, b: Tensor) -> float:
    """dB between two sets of mean levels (n, bins) and (m, bins)."""
    return float((a.double().mean(0) - b.double().mean(0)).square().mean().sqrt())


def paired(a: Tensor, b: Tensor) -> Tensor:
    """dB (B,) between each sound of a, int16 (B, C, T), and its own of b: root mean square over bins, mean in time."""
    return (levels(a) - levels(b)).square().mean(1).sqrt().mean(-1)
