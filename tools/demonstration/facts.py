"""What the demo's page says of one modality: measured while it ran, kept as `facts.json` beside the samples."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modalities.writing import write_bytes


@dataclass(frozen=True)
class SampleFact:
    """One sample: its file, the class asked for, what the check saw, by which numbers; a sound may have a picture."""

    file: str
    asked: str
    seen: str
    note: str
    picture: str = ""

    @property
    def right(self) -> bool:
        return self.seen == self.asked


@dataclass(frozen=True)
class Facts:
    """One modality. Paths are relative to the page; `losses` are (step, loss) of the log, `seconds` are wall clock."""

    modality: str
    event: str
    parameters: int
    steps: int
    training_seconds: float
    had_a_core: float | None
    sampling_seconds: float
    peak_mib: float
    sampler: str
    commands: Sequence[str]
    losses: Sequence[tuple[int, float]]
    samples: Sequence[SampleFact]
    sheet: str
    forward: str
    reverse: str

    @property
    def crowded(self) -> str:
        """One line where other programs took much of the machine while this trained, and the budget is a clock."""
        if self.had_a_core is None or self.had_a_core > 0.7 or self.training_seconds < 30:
            return ""
        return (
            f"{self.modality} had a core for {self.had_a_core:.0%} of the time in which it could have run: with the "
            "machine to itself it takes more steps in these minutes, and draws better"
        )

    @property
    def right(self) -> int:
        return sum(sample.right for sample in self.samples)

    @property
    def verdict(self) -> str:
        """«38 of 40 movers move as asked»."""
        what = {
            "image": "shapes are the shape asked for",
            "audio": "tones hold one pitch and have the waveform asked for",
            "video": "movers move as asked",
        }[self.modality]
        return f"{self.right} of {len(self.samples)} {what}"


def save(facts: Facts, path: Path) -> None:
    write_bytes(json.dumps(dataclasses.asdict(facts), indent=1).encode(), path)


def load(path: Path) -> Facts:
    tree = json.loads(path.read_text())
    samples = [SampleFact(**sample) for sample in tree.pop("samples")]
    losses = [(int(step), float(loss)) for step, loss in tree.pop("losses")]
    return Facts(**tree, samples=samples, losses=losses)
