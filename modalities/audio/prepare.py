"""Sounds of any rate, channel count and length to one, on the device, in batches.

resample (windowed sinc) -> channels -> crop or pad at the end -> loudness
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

FULL_SCALE = 32768  # int16 s stands for s / 32768 in [-1, 1)
PEAK = 0.95
RMS = 0.1  # -20 dB of full scale
LOUDNESS = ("as_is", "peak", "rms")


def to_float(media: Tensor) -> Tensor:
    """int16 -> float32 in [-1, 1)."""
    return media.float() / FULL_SCALE


def to_int16(wave: Tensor) -> Tensor:
    """float -> int16, rounded and clipped. to_int16(to_float(s)) = s for every s."""
    return (wave.float() * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1).to(torch.int16)


def fit(media: Tensor, rate: int, sample_rate: int, samples: int, channels: int) -> Tensor:
    """int16 (B, C, T) at `rate` Hz -> float32 (B, channels, samples) at `sample_rate` Hz. Which part of a long sound
    is used is the source's choice; here the surplus at the end goes, and silence fills what is missing."""
    wave = remix(to_float(media), channels)
    if rate != sample_rate:
        from torchaudio.functional import resample

        wave = resample(wave, rate, sample_rate)
    return pad(wave, (0, max(0, samples - wave.shape[-1])))[..., :samples]


def remix(wave: Tensor, channels: int) -> Tensor:
    """(B, C, T) -> (B, channels, T): mono goes to every channel, any number is averaged to mono, surplus ones go."""
    have = wave.shape[1]
    if have == channels:
        return wave
    if channels == 1:
        return wave.mean(dim=1, keepdim=True)
    if have == 1:
        return wave.expand(-1, channels, -1)
    if have > channels:
        return wave[:, :channels]
    raise ValueError(f"cannot make {channels} channels of sounds with {have}; use channels=1 or {have}")


def level(wave: Tensor, loudness: str) -> Tensor:
    """(B, C, T) with each example's peak at 0.95, or its root mean square at 0.1 (clipped), or as it is.

    One gain per example keeps the balance of its channels; silence stays silence.
    """
    if loudness == "as_is":
        return wave
    if loudness == "peak":
        measured = wave.abs().amax(dim=(1, 2), keepdim=True)
        gain = PEAK / measured
    else:
        measured = wave.square().mean(dim=(1, 2), keepdim=True).sqrt()
        gain = RMS / measured
    return torch.where(measured > 1 / FULL_SCALE, wave * gain, wave).clamp(-1, 1)
