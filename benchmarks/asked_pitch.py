"""How near the pitch of a sound comes to the one that was asked for: `condition.pitch=HZ`, heard by autocorrelation.

    python tools/train.py recipe=demo_audio run=runs/pitched train.minutes=4 data.class_conditional=true \\
        conditions.pitch=value conditions.pitch.field=pitch_hz conditions.pitch.scale=log
    python benchmarks/asked_pitch.py run=runs/pitched [n=8] [guidance.scale=G] [key=value ...]

Eight pitches over two octaves, asked of each waveform that holds its pitch; the table has the median error in cents
(hundredths of a semitone) and the share within half a semitone. Sounds that were asked of nothing are the floor: their
pitch against one that was asked of others.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

import json
import math
import tempfile
from collections.abc import Sequence

import soundfile
import torch

from tools import sample
from tools.demonstration.pitch import CLEAR, track

PITCHES = tuple(220.0 * 2 ** (k / 4) for k in range(8))
WAVEFORMS = ("sine", "square", "saw", "pluck")


def heard(path: Path) -> float:
    """The median pitch of the clear frames of a sound in Hz; NaN where no frame is clear."""
    wave, rate = soundfile.read(path, dtype="float32")
    pitch, clarity = track(torch.from_numpy(wave), rate)
    return float(pitch[clarity > CLEAR].median()) if (clarity > CLEAR).any() else math.nan


def cents(folder: Path, asked: float) -> list[float]:
    """How far each sound of a folder lies from the pitch that was asked; infinite where it has none."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    found = [heard(folder / line["file"]) for line in lines]
    return [abs(1200 * math.log2(f / asked)) if f == f else math.inf for f in found]


def measured(words: Sequence[str], *, ask: bool) -> list[float]:
    """Errors of all waveforms and pitches; `ask` says whether the pitch is asked for."""
    errors = []
    for waveform in WAVEFORMS:
        for pitch in PITCHES:
            said = [f"label={waveform}", *([f"condition.pitch={pitch:.2f}"] if ask else [])]
            with tempfile.TemporaryDirectory() as out:
                if sample.main([*words, *said, f"out={out}/s"]):
                    raise SystemExit(2)
                errors += cents(Path(out) / "s", pitch)
    return errors


def main(argv: list[str]) -> None:
    words = argv if any(word.startswith("n=") for word in argv) else [*argv, "n=8"]
    print("| | median error, cents | within 50 cents |\n| --- | --- | --- |")
    for name, ask in (("pitch asked for", True), ("not asked for", False)):
        errors = torch.tensor(measured(words, ask=ask))
        print(f"| {name} | {errors.median():.0f} | {100 * (errors < 50).float().mean():.0f} % |")


if __name__ == "__main__":
    main(sys.argv[1:])
