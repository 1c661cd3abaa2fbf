"""Tones: the embedded audio. Class = waveform; each tone is a pure function of (seed, index).

    x(t) = envelope(t) * sum_k a_k sin(2 pi k phase(t)),   phase' = pitch, k * pitch below the Nyquist frequency

so nothing folds back: sine (k = 1), square (odd k, a_k = 1/k), saw (all k, a_k = 1/k), chirp (k = 1, the pitch rises an
octave over the tone), pluck (an ideal string plucked at 1/5 of its length, each harmonic decaying in proportion to k).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modalities.data.conditions import values_of
from modalities.data.example import Example, Value
from modalities.data.uniforms import uniforms

WAVEFORMS = ("chirp", "pluck", "saw", "sine", "square")
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LOWEST, SEMITONES = 57, 25
"""MIDI numbers: two octaves of equal temperament from A3 (220 Hz) to A5 (880 Hz)."""
RMS = 0.12
"""Of every whole tone, in full scale; no waveform clips at it."""
ATTACK = 0.01
"""Seconds of the linear rise at the start, and of the fall at the end."""
HARMONICS = 16
"""At most; above the 16th harmonic of these pitches lies little energy."""


@dataclass(frozen=True)
class Synthetic:
    """`length` tones int16 (channels, samples) at `sample_rate`. Class of tone i is i mod 5.

    Raises ValueError for a sample rate at which the highest chirp (1760 Hz) does not fit, or fewer than 64 samples.
    """

    samples: int = 8192
    sample_rate: int = 8000
    channels: int = 1
    length: int = 50_000
    seed: int = 0
    classes: tuple[str, ...] = WAVEFORMS

    def __post_init__(self) -> None:
        if self.sample_rate < 4000 or self.samples < 64 or self.channels < 1:
            raise ValueError(
                f"sample_rate={self.sample_rate}, samples={self.samples}, channels={self.channels}: "
                "tones need sample_rate >= 4000, samples >= 64 and channels >= 1"
            )

    def __len__(self) -> int:
        return self.length

    def pitch(self, index: int) -> float:
        """Fundamental frequency of tone `index` in Hz; of a chirp, where it starts (it ends an octave higher)."""
        return float(self.describe(index)["pitch_hz"])

    def describe(self, index: int) -> dict[str, Any]:
        """What tone `index` is: waveform, pitch_hz, note, decay_seconds (time constant of its envelope), caption."""
        u = uniforms(self.seed, index, 2)
        midi = LOWEST + int(u[0] * SEMITONES)
        note = f"{NOTES[midi % 12]}{midi // 12 - 1}"
        waveform = WAVEFORMS[index % len(WAVEFORMS)]
        return {
            "waveform": waveform,
            "label": index % len(WAVEFORMS),
            "midi": midi,
            "note": note,
            "pitch_hz": 440.0 * 2 ** ((midi - 69) / 12),
            "decay_seconds": self.samples / self.sample_rate * (0.3 + 0.7 * u[1]),
            "caption": f"a {waveform} tone rising from {note}"
            if waveform == "chirp"
            else f"a {waveform} tone at {note}",
        }

    def values(self, index: int) -> dict[str, Value]:
        """The numbers and words of `describe`, but for label and caption."""
        return values_of({k: v for k, v in self.describe(index).items() if k not in ("label", "caption")})

    def field(self, name: str) -> list[Value | None]:
        """One of `values` of every example."""
        return [self.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Tone `index`; nothing about it is random, so `generator` is not used."""
        what = self.describe(index)
        t = torch.arange(self.samples, dtype=torch.float64) / self.sample_rate
        wave = oscillate(what["waveform"], what["pitch_hz"], t, self.sample_rate)
        wave = wave * envelope(t.float(), what["decay_seconds"])
        wave = wave * (RMS / wave.square().mean().sqrt())
        media = (wave * 32767).round().clamp(-32768, 32767).to(torch.int16).expand(self.channels, -1).contiguous()
        return Example(
            media,
            what["label"],
            what["caption"],
            rate=self.sample_rate,
            name=f"tone {index}",
            values=self.values(index),
        )


def oscillate(waveform: str, pitch: float, t: Tensor, sample_rate: int) -> Tensor:
    """The bare waveform at times `t` (float64 seconds): (T,) float32."""
    if waveform == "chirp":
        seconds = len(t) / sample_rate
        cycles = pitch * seconds / math.log(2) * (torch.exp2(t / seconds) - 1)  # integral of pitch * 2^(t / seconds)
        return torch.sin((2 * math.pi) * cycles.frac().float())
    phase = (2 * math.pi) * (pitch * t).frac().float()  # wrapped in float64: high harmonics stay exact in float32
    step = 2 if waveform == "square" else 1
    count = 1 if waveform == "sine" else min(HARMONICS, int(0.47 * sample_rate / pitch))
    k = torch.arange(1, count + 1, step).view(-1, 1)
    if waveform != "pluck":
        return (torch.sin(k * phase) / k).sum(dim=0)
    amplitude = torch.sin(math.pi / 5 * k) / k.square()  # Fourier series of the triangle that the finger leaves
    damping = torch.exp(-k * (4 * t / (len(t) / sample_rate)).float())
    return (amplitude * damping * torch.sin(k * phase)).sum(dim=0)


def envelope(t: Tensor, decay: float) -> Tensor:
    """A quick rise, an exponential decay with time constant `decay` seconds, and a fall to silence at the end."""
    return torch.exp(-t / decay) * (t / ATTACK).clamp(max=1) * ((t[-1] - t) / ATTACK).clamp(0, 1)
