"""Pitch and waveform of a tone: the part of `tools.demonstration.checks` that listens.

Autocorrelation r(lag) of a frame of a tone with period p has its first high peak at p. It is computed as the inverse
transform of the power spectrum (Wiener-Khinchin), padded eightfold, so that a lag is known to an eighth of a sample.
"""

import math

import torch
from torch import Tensor

from tools.demonstration.checks import UNCLEAR, Seen

LOWEST, HIGHEST = 190.0, 1900.0
"""Hz, the range in which a pitch is looked for."""
FRAME = 0.064
"""Seconds."""
FINE = 8
"""Lags per sample."""
CLEAR = 0.75
"""Least autocorrelation at the period: 1 for a steady tone, about 0.3 for noise."""
STEADY = 50.0
"""Cents (hundredths of a semitone) by which the pitch may stray from its line, at the median."""
AUDIBLE = 0.15
"""Loudness of a frame, relative to the loudest, from which its pitch counts."""
PRESENT = 0.1
"""Amplitude of a harmonic, relative to the fundamental, from which it counts as there (-20 dB)."""


def track(wave: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """(T,) -> pitch in Hz and clarity (autocorrelation at the period) of half-overlapping frames, each (frames,)."""
    length = 2 * round(FRAME * sample_rate / 2)
    window = torch.hann_window(length, dtype=torch.float64)
    frames = wave.double().unfold(0, length, length // 2)
    frames = (frames - frames.mean(dim=1, keepdim=True)) * window
    correlation, of_window = _correlation(frames), _correlation(window[None])
    correlation = correlation / correlation[:, :1].clamp_min(1e-12) / (of_window / of_window[:, :1])
    low, high = int(FINE * sample_rate / HIGHEST), int(FINE * sample_rate / LOWEST)
    r = correlation[:, : high + 2]
    peak = torch.zeros_like(r, dtype=torch.bool)
    peak[:, 1:-1] = (r[:, 1:-1] >= r[:, :-2]) & (r[:, 1:-1] > r[:, 2:])
    heights = torch.where(peak, r, -1.0)
    heights[:, :low] = -1.0
    highest = heights.amax(dim=1, keepdim=True)
    first = (heights >= highest - 0.06 * highest.abs()).int().argmax(dim=1)  # the period, not one of its multiples
    return FINE * sample_rate / first.clamp_min(1).double(), heights.gather(1, first[:, None])[:, 0]


def _correlation(frames: Tensor) -> Tensor:
    """Autocorrelation at lags of 1/FINE sample, (frames, FINE * 2 * length)."""
    spectrum = torch.fft.rfft(frames, n=2 * frames.shape[-1]).abs().square()
    return torch.fft.irfft(spectrum, n=FINE * 2 * frames.shape[-1])


def waveform_of(wave: Tensor, sample_rate: int) -> Seen:
    """(T,) in [-1, 1] -> chirp, pluck, saw, sine or square, where there is one clear pitch that holds or rises.

    A chirp rises by about an octave. Else the harmonics decide: none is a sine, odd ones alone a square; even ones are
    a saw if they last and a plucked string if they die away before the fundamental does.
    """
    pitch, clarity = track(wave, sample_rate)
    sounding = loudness(wave, sample_rate, len(pitch)) > AUDIBLE
    if sounding.sum() < 4:
        return Seen(UNCLEAR, "silent")
    cents, at = 1200 * torch.log2(pitch[sounding]), torch.nonzero(sounding)[:, 0].double()
    slope = _slope(cents, at)
    rise = slope * len(pitch)
    level = cents - slope * at if abs(rise) > 300 else cents
    stray = float((level - level.median()).abs().median())
    clear, hertz = float(clarity[sounding].median()), float(pitch[sounding].median())
    note = f"{hertz:.0f} Hz ± {stray:.0f} cents"
    if clear < CLEAR or stray > STEADY:
        return Seen(UNCLEAR, f"{note}, clarity {clear:.2f}")
    if rise > 700:
        return Seen("chirp", f"rises {rise / 1200:.1f} octaves ± {stray:.0f} cents")
    if abs(rise) > 300:
        return Seen(UNCLEAR, note)
    early, late = (harmonics(wave, sample_rate, hertz, *span) for span in ((0.02, 0.2), (0.4, 0.65)))
    if early[1] > PRESENT:
        return Seen("saw" if late[1] > early[1] / 2 else "pluck", note)
    return Seen("square" if early[2] > PRESENT else "sine", note)


def loudness(wave: Tensor, sample_rate: int, frames: int) -> Tensor:
    """Root mean square of each frame, relative to the loudest."""
    length = 2 * round(FRAME * sample_rate / 2)
    rms = wave.double().unfold(0, length, length // 2).square().mean(dim=1).sqrt()[:frames]
    return rms / rms.max().clamp_min(1e-4)


def _slope(values: Tensor, at: Tensor) -> float:
    """The slope of the straight line through a track that is robust against single wrong frames (Theil-Sen)."""
    i, j = torch.triu_indices(len(values), len(values), 1)
    return float(((values[j] - values[i]) / (at[j] - at[i])).median())


def harmonics(wave: Tensor, sample_rate: int, hertz: float, start: float, end: float, count: int = 3) -> list[float]:
    """Amplitudes of the first harmonics in a stretch of the tone, relative to the fundamental."""
    piece = wave.double()[int(start * len(wave)) : int(end * len(wave))]
    piece = piece * torch.hann_window(len(piece), dtype=piece.dtype)
    at = torch.arange(len(piece), dtype=piece.dtype) / sample_rate
    found = []
    for k in range(1, count + 1):
        around = (k * hertz * 2 ** (cents / 1200) for cents in range(-40, 41, 8))
        found.append(max((math.hypot(*_component(piece, at, f)) for f in around if f < sample_rate / 2), default=0.0))
    return [value / max(found[0], 1e-12) for value in found]


def _component(piece: Tensor, at: Tensor, hertz: float) -> tuple[float, float]:
    phase = 2 * math.pi * hertz * at
    return float((piece * phase.cos()).sum()), float((piece * phase.sin()).sum())
