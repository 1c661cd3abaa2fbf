"""The peaks of a sound that were cut off: samples at the limit were anything beyond it, the others are known."""

from dataclasses import dataclass
from typing import ClassVar

from core.operators.clip import Clip
from tools.editing.bench import Bench, Edited, Problem, restored
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class Declip:
    """limit: where the input was cut, as a share of full scale. None: at its highest sample, or, with degrade=true, at
    a third of it."""

    MEDIA: ClassVar = ("audio",)
    SETTINGS: ClassVar = SETTINGS
    limit: float | None = None

    def __call__(self, bench: Bench) -> Edited:
        """Raises ValueError where the limit is not above 0, or the input goes beyond it."""
        signal = bench.signal()
        peak = float(signal.abs().max())
        limit = peak / 3 if bench.degrade else peak
        if self.limit is not None:
            limit = self.limit * bench.space.unit * bench.gain
        if not limit > 0:
            raise ValueError(f"limit must be above 0, got {self.limit}" if peak else f"{bench.file.path} is silent")
        if not bench.degrade and peak > 1.001 * limit:
            share = peak / (bench.space.unit * bench.gain)
            raise ValueError(f"limit={self.limit:g}, but the input reaches {share:.3g}: it was not clipped there")
        clip = Clip(limit * (1 - 1e-4))  # a sample at the limit, and one rounded below it, count as clipped
        edited = restored(bench, Problem(operator=clip, place=clip))
        edited.facts["limit"] = limit / (bench.space.unit * bench.gain)
        return edited


declip = Declip
