"""Stored media as maps (B, C, *axes) of about unit scale, and small enough for a small network.

    image   uint8 (B, C, H, W)       -> (B, C, h, w)        pixels in [-1, 1], sides at most 64
    audio   int16 (B, C, T)          -> (B, 1, bands, t)    log-mel spectrogram of the mean of the channels
    video   uint8 (B, T, H, W, C)    -> (B, C, t, h, w)     pixels in [-1, 1], sides at most 32, at most 16 frames

A view states all that it depends on in its fields, which are part of a network's identity.
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from modalities.modality import Modality

PICTURE, FRAME, FRAMES = 64, 32, 16
"""Largest side of a picture and of a frame, and largest number of frames."""


@dataclass(frozen=True)
class Picture:
    rank: int = 2
    side: int = PICTURE

    def __call__(self, media: Tensor) -> Tensor:
        return smaller(media.float() / 127.5 - 1, self.side)


@dataclass(frozen=True)
class Clip:
    """Longer clips are thinned evenly, first and last frame kept."""

    rank: int = 3
    side: int = FRAME
    frames: int = FRAMES

    def __call__(self, media: Tensor) -> Tensor:
        have = media.shape[1]
        if have > self.frames:
            media = media[:, torch.linspace(0, have - 1, self.frames).round().long()]
        pixels = media.movedim(-1, 1).float() / 127.5 - 1  # (B, C, T, H, W)
        flat = smaller(pixels.transpose(1, 2).flatten(0, 1), self.side)
        return flat.unflatten(0, (len(media), -1)).transpose(1, 2)


@dataclass(frozen=True)
class LogMel:
    """ln of the mel-filtered amplitudes, floored at -80 dB of full scale; windows of about 64 ms, half of one apart."""

    sample_rate: int
    rank: int = 2
    bands: int = 48
    seconds: float = 0.064
    floor: float = 1e-4

    def __call__(self, media: Tensor) -> Tensor:
        n_fft = min(2 ** round(math.log2(self.sample_rate * self.seconds)), 2 ** int(math.log2(media.shape[-1])))
        window = torch.hann_window(n_fft, device=media.device)
        wave = media.float().mean(1) / 32768
        spectrum = torch.stft(wave, n_fft, n_fft // 2, window=window, return_complex=True, pad_mode="constant")
        filters = mel_filters(self.sample_rate, n_fft, self.bands).to(media.device)
        bands = filters @ (spectrum.abs() * (2 / window.sum()))
        return ((bands + self.floor).log() + 6)[:, None] / 2.5  # from -80 dB to full scale: -1.3 to 2.4


View = Picture | LogMel | Clip


def view_of(media: Modality) -> View:
    """The view of a modality's stored media. Raises ValueError for a modality that has none."""
    if media.name == "audio":
        return LogMel(sample_rate=media.sample_rate)  # type: ignore[attr-defined]
    kinds: dict[str, type[Picture] | type[Clip]] = {"image": Picture, "video": Clip}
    if media.name not in kinds:
        raise ValueError(f"there is no feature view of {media.name}: choose one of audio, image, video")
    return kinds[media.name]()


@functools.cache
def mel_filters(sample_rate: int, n_fft: int, bands: int) -> Tensor:
    """(bands, n_fft/2 + 1), each row of triangles scaled to a sum of one: the mean amplitude in its band."""
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(n_fft // 2 + 1, 0.0, sample_rate / 2, bands, sample_rate).T
    return filters / filters.sum(1, keepdim=True).clamp_min(1e-6)


def smaller(pixels: Tensor, side: int) -> Tensor:
    """(N, C, H, W) averaged down to at most `side` in height and width."""
    height, width = pixels.shape[-2:]
    if max(height, width) <= side:
        return pixels
    return adaptive_avg_pool2d(pixels, (min(height, side), min(width, side)))
