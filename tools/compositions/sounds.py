"""What a sound of melodies holds: notes by their onsets, each with its register by pitch and its timbre by harmonics.

    onset(t) = rms of the 40 ms after t / rms of the 40 ms before t

is above 2 where a note begins (the generator's notes rise by 5 and more) and at most 1 elsewhere. For what there is to
be heard see `modalities.audio.compositions`.
"""

import math
from collections import Counter

import torch
from torch import Tensor

from modalities.audio.compositions import REGISTERS, TIMBRES, WIDTH, parse
from tools.compositions.pictures import Verdict
from tools.demonstration.checks import UNCLEAR
from tools.demonstration.pitch import CLEAR, PRESENT, harmonics, track

SIDE = 0.04
"""Seconds of sound on each side of an onset."""
HOP = 0.005
"""Seconds between the places where an onset is looked for."""
RISE = 2.0
"""Least ratio of loudness at an onset."""
APART = 0.1
"""Seconds between one onset and the next, at least."""
AUDIBLE = 0.1
"""Loudness after an onset, relative to the loudest of the sound, from which it counts."""


def judge(media: Tensor, caption: str, sample_rate: int) -> Verdict:
    """int16 (C, T) against a caption of the grammar: count of notes, timbre of all, register of each in order."""
    melody = parse(caption)
    wave = media.float().mean(dim=0) / 32768
    notes = split(wave, sample_rate)
    heard = [listen(note, sample_rate) for note in notes]
    timbres = Counter(timbre for timbre, _ in heard)
    return {
        "count": len(notes) == len(melody.order),
        "timbre": timbres.most_common(1)[0] == (TIMBRES[melody.timbre], len(notes)),
        "order": tuple(register for _, register in heard) == melody.order,
    }


def split(wave: Tensor, sample_rate: int) -> list[Tensor]:
    """The notes of a wave (T,), from each onset to the next; one where there is no onset after the first."""
    side, hop = round(SIDE * sample_rate), round(HOP * sample_rate)
    power = wave.square().unfold(0, side, hop).mean(dim=1)  # from i * hop on
    ahead = side // hop
    rms = power.sqrt()
    before, after = rms[:-ahead], rms[ahead:]
    ratio = after / before.clamp_min(float(rms.max()) / 1000)
    ratio = torch.where(after > AUDIBLE * rms.max(), ratio, torch.zeros_like(ratio))
    starts = [0]
    while float(ratio.max()) > RISE:
        k = int(ratio.argmax())
        at = k * hop + side
        near = round(APART * sample_rate / hop)
        ratio[max(0, k - near) : k + near] = 0
        if at > APART * sample_rate:
            starts.append(at)
    starts = sorted(starts)
    return [wave[a:b] for a, b in zip(starts, [*starts[1:], len(wave)], strict=True)]


def listen(note: Tensor, sample_rate: int) -> tuple[str, str]:
    """The waveform and the register of one note, each «unclear» where it has none."""
    pitch, clarity = track(note, sample_rate)
    early = slice(0, max(1, round(0.6 * len(pitch))))
    if float(note.abs().max()) < 1e-3 or float(clarity[early].median()) < CLEAR:
        return UNCLEAR, UNCLEAR
    hertz = float(pitch[early].median())
    midi = 69 + 12 * math.log2(hertz / 440)
    registers = [word for word, low in REGISTERS.items() if low - 1 <= midi <= low + WIDTH]
    return timbre_of(note, sample_rate, hertz), registers[0] if registers else UNCLEAR


def timbre_of(note: Tensor, sample_rate: int, hertz: float) -> str:
    """No harmonics: sine; odd ones alone: square; even ones that die before the fundamental: pluck, or last: saw."""
    early, late = (harmonics(note, sample_rate, hertz, *span) for span in ((0.03, 0.25), (0.4, 0.7)))
    if early[1] > PRESENT:
        return "saw" if late[1] > early[1] / 2 else "pluck"
    return "square" if early[2] > PRESENT else "sine"
