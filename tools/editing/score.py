"""How near a result is to the original that it was made from."""

import math

import torch
from torch import Tensor


def decibels(original: Tensor, other: Tensor, peak: float | None) -> list[float]:
    """For each of `other` (n, C, ...) against `original` (1, C, ...), in dB: higher is nearer.

    10 log10(peak^2 / mean squared difference) with the peak of pictures, or, where it is None, the signal-to-noise
    ratio of sounds: the mean square of the original instead of peak^2.
    """
    gap = (other - original).double().flatten(1).square().mean(1)
    top = peak**2 if peak is not None else float(original.double().square().mean())
    return [10 * math.log10(top / g) if g > 0 and top > 0 else math.inf for g in gap.tolist()]


def log_spectral_distance(original: Tensor, other: Tensor, *, window: int, floor: float = 60.0) -> list[float]:
    """For each sound of `other` (n, C, T) against `original` (1, C, T), in dB: lower is nearer, 0 is equal.

    sqrt(mean over frequencies of (L - L')^2), averaged over frames (Gray & Markel 1976), with L the power in dB of a
    Hann window, cut off `floor` dB below the loudest of the original. Phases, which no one hears and no model can
    guess, do not enter.
    """
    first, second = (_levels(x, window) for x in (original, other))
    low = first.amax() - floor
    gap = (first.clamp_min(low) - second.clamp_min(low)).square().mean(-2).sqrt()  # over frequencies
    return gap.flatten(1).mean(1).tolist()


def _levels(wave: Tensor, window: int) -> Tensor:
    """(n, C, T) -> (n, C, window // 2 + 1, frames) in dB."""
    hann = torch.hann_window(window, device=wave.device, dtype=wave.dtype)
    z = torch.stft(
        wave.flatten(0, 1), window, window // 4, window=hann, center=True, pad_mode="constant", return_complex=True
    )
    return (20 * (z.abs() / hann.sum()).clamp_min(1e-9).log10()).unflatten(0, wave.shape[:2])
