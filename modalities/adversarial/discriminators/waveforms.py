"""Judges of waveforms (B, C, T): by periods, at several scales, and on spectrograms of several windows.

period p   the wave as a map (T/p, p), convolved along the first axis alone: phases of that period side by side
           (Kong et al. 2020, sec. 2.3)
scale s    the wave averaged over s samples, long strided filters (Kumar et al. 2019, sec. 2.2)
window w   its complex spectrogram, real and imaginary parts as channels (Jang et al. 2021; Défossez et al. 2022,
           sec. 3.4)
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, pad

from modalities.adversarial.discriminators._judge import Judge, Panel, widths
from modalities.nn.options import at_least


class Period:
    """(B, C, T) -> (B, C, T/p, p), zeros after the end where p does not divide T."""

    def __init__(self, period: int) -> None:
        self.period = period

    def __call__(self, x: Tensor) -> Tensor:
        return pad(x, (0, -x.shape[-1] % self.period)).unflatten(-1, (-1, self.period))


class Averaged:
    """(B, C, T) -> (B, C, 1, T/s)."""

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, x: Tensor) -> Tensor:
        return avg_pool1d(x, self.scale, ceil_mode=True).unsqueeze(2)


class Spectrum:
    """(B, C, T) -> (B, 2C, w/2 + 1, frames): STFT with a Hann window of w samples, a quarter of it between frames."""

    def __init__(self, window: int) -> None:
        self.window = window

    def __call__(self, x: Tensor) -> Tensor:
        hann = torch.hann_window(self.window, device=x.device)
        wave = pad(x.flatten(0, 1).float(), (0, max(0, self.window - x.shape[-1])))
        z = torch.stft(wave, self.window, self.window // 4, window=hann, normalized=True, return_complex=True)
        z = z.unflatten(0, x.shape[:2])
        return torch.cat([z.real, z.imag], dim=1).to(x.dtype)


def waveforms(
    channels: int,
    *,
    width: int = 16,
    periods: tuple[int, ...] = (2, 3, 5),
    scales: tuple[int, ...] = (1,),
    windows: tuple[int, ...] = (128, 512),
    classes: int = 0,
) -> Panel:
    """width: channels of each judge's first layer; an empty list leaves a family out; classes as for maps.

    Raises ValueError where no judge is left, or a period, scale or window is too small.
    """
    at_least("width", width, 1)
    if not (len(periods) or len(scales) or len(windows)):
        raise ValueError("a discriminator of waveforms needs at least one period, scale or window")
    for name, values, least in (("periods", periods, 2), ("scales", scales, 1), ("windows", windows, 8)):
        for value in values:
            at_least(name, value, least)

    judges = [_by_period(Period(p), channels, width, classes) for p in periods]
    judges += [_by_scale(Averaged(s), channels, width, classes) for s in scales]
    return Panel(judges + [_by_spectrum(Spectrum(w), 2 * channels, width, classes) for w in windows])


def _by_period(view: Period, channels: int, width: int, classes: int) -> Judge:
    sizes = [channels, *widths(width, 3)]
    strided = [nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)) for a, b in pairwise(sizes)]
    return Judge(view, [*strided, nn.Conv2d(sizes[-1], sizes[-1], (5, 1), padding=(2, 0))], sizes[-1], classes)


def _by_scale(view: Averaged, channels: int, width: int, classes: int) -> Judge:
    sizes = widths(width, 3)
    stem = nn.Conv2d(channels, sizes[0], (1, 15), padding=(0, 7))
    strided = [
        nn.Conv2d(a, b, (1, 41), (1, 4), (0, 20), groups=max(1, a // 4) if a % 4 == 0 else 1)
        for a, b in pairwise(sizes)
    ]
    return Judge(view, [stem, *strided, nn.Conv2d(sizes[-1], sizes[-1], (1, 5), padding=(0, 2))], sizes[-1], classes)


def _by_spectrum(view: Spectrum, channels: int, width: int, classes: int) -> Judge:
    sizes = [channels, width, width, 2 * width, 2 * width]
    strides = [(1, 1), (2, 1), (2, 1), (2, 1)]
    pairs = zip(sizes, sizes[1:], strides, strict=False)
    layers = [nn.Conv2d(a, b, (5, 3), stride, (2, 1)) for a, b, stride in pairs]
    return Judge(view, [*layers, nn.Conv2d(sizes[-1], sizes[-1], 3, padding=1)], sizes[-1], classes)
