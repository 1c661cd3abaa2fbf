"""Melodies: embedded sounds of one to three notes that a caption describes. Each is a pure function of (seed, index).

    one|two|three TIMBRE note[s], low|middle|high [then low|middle|high [then …]]

TIMBRE is plucked, saw, sine or square (the waveforms of `synthetic`). The notes share the sound equally. `HELD_OUT`
pairs of timbre and order are in no melody of the splits train and val; every melody of the split test is one of them.
"""

import re
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modalities.audio.synthetic import RMS, envelope, oscillate
from modalities.data.compositions import not_of_the_grammar, pick
from modalities.data.example import Example, Value
from modalities.data.uniforms import uniforms

TIMBRES = {"plucked": "pluck", "saw": "saw", "sine": "sine", "square": "square"}
"""The word of a caption and the waveform of `synthetic.oscillate`."""
REGISTERS = {"low": 55, "middle": 67, "high": 79}
"""MIDI number of the lowest note of each register: 196, 392 and 784 Hz."""
WIDTH = 5
"""Semitones of a register; seven lie between one and the next."""
COUNTS = ("one", "two", "three")
ORDERS = tuple(order for count in (1, 2, 3) for order in product(REGISTERS, repeat=count))
HELD_OUT = tuple(
    (timbre, order)
    for i, order in enumerate(order for order in ORDERS if len(order) > 1)
    for k, timbre in enumerate(TIMBRES)
    if i % 6 == k
)
"""Each order of two or three notes is held out with at most one timbre, each timbre with six orders."""
SEEN = tuple((t, o) for t in TIMBRES for o in ORDERS if (t, o) not in HELD_OUT)
DECAY = 0.5
"""Time constant of a note's decay, in its own length."""
GRAMMAR = re.compile(
    rf"({'|'.join(COUNTS)}) ({'|'.join(TIMBRES)}) notes?, "
    rf"((?:{'|'.join(REGISTERS)})(?: then (?:{'|'.join(REGISTERS)}))*)"
)


class Melody(NamedTuple):
    """What a caption says: the timbre, and the register of each note in order."""

    timbre: str
    order: tuple[str, ...]

    def caption(self) -> str:
        notes = "note" if len(self.order) == 1 else "notes"
        return f"{COUNTS[len(self.order) - 1]} {self.timbre} {notes}, {' then '.join(self.order)}"


def parse(caption: str) -> Melody:
    """The melody that a caption describes. Raises ValueError where it is not of the grammar."""
    found = GRAMMAR.fullmatch(" ".join(caption.lower().split()))
    order = tuple(found[3].split(" then ")) if found else ()
    if not found or len(order) != COUNTS.index(found[1]) + 1:
        raise not_of_the_grammar(caption, "two plucked notes, low then high")
    return Melody(found[2], order)


@dataclass(frozen=True)
class Compositions:
    """`length` sounds int16 (channels, samples) at `sample_rate`, each with a caption and no label.

    held_out: every melody is a held-out pair; otherwise none is. Two of three have more than one note. Raises
    ValueError for a sample rate at which the highest note (988 Hz) has no harmonics, or notes below 1/8 second.
    """

    samples: int = 8192
    sample_rate: int = 8000
    channels: int = 1
    length: int = 50_000
    seed: int = 0
    held_out: bool = False
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.sample_rate < 8000 or self.samples < 3 * self.sample_rate / 8 or self.channels < 1:
            raise ValueError(
                f"sample_rate={self.sample_rate}, samples={self.samples}, channels={self.channels}: "
                "melodies need sample_rate >= 8000, samples >= 3/8 second and channels >= 1"
            )

    def __len__(self) -> int:
        return self.length

    def describe(self, index: int) -> dict[str, Any]:
        """What melody `index` is: melody, pitches_hz, caption. Every number of notes is as frequent as any other."""
        u = uniforms(self.seed, index, 5)
        choices = HELD_OUT if self.held_out else SEEN
        counts = sorted({len(order) for _, order in choices})
        count = pick(counts, u[0])
        melody = Melody(*pick([(t, o) for t, o in choices if len(o) == count], u[1]))
        midi = [REGISTERS[word] + int(v * WIDTH) for word, v in zip(melody.order, u[2:], strict=False)]
        return {
            "melody": melody,
            "midi": tuple(midi),
            "pitches_hz": tuple(440.0 * 2 ** ((note - 69) / 12) for note in midi),
            "caption": melody.caption(),
        }

    def values(self, index: int) -> dict[str, Value]:
        """What there is to know beside the caption: notes, timbre."""
        melody = self.describe(index)["melody"]
        return {"notes": len(melody.order), "timbre": melody.timbre}

    def field(self, name: str) -> list[Value | None]:
        """One of `values` of every example."""
        return [self.values(i).get(name) for i in range(len(self))]

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Melody `index`; nothing about it is random, so `generator` is not used."""
        what = self.describe(index)
        count = len(what["pitches_hz"])
        ends = [round(i * self.samples / count) for i in range(count + 1)]
        waveform = TIMBRES[what["melody"].timbre]
        notes = [self._note(waveform, hz, ends[i + 1] - ends[i]) for i, hz in enumerate(what["pitches_hz"])]
        wave = torch.cat(notes)
        media = (wave * 32767).round().clamp(-32768, 32767).to(torch.int16).expand(self.channels, -1).contiguous()
        return Example(
            media, caption=what["caption"], rate=self.sample_rate, name=f"melody {index}", values=self.values(index)
        )

    def _note(self, waveform: str, hz: float, samples: int) -> Tensor:
        t = torch.arange(samples, dtype=torch.float64) / self.sample_rate
        wave = oscillate(waveform, hz, t, self.sample_rate) * envelope(t.float(), DECAY * samples / self.sample_rate)
        return wave * (RMS / wave.square().mean().sqrt())
