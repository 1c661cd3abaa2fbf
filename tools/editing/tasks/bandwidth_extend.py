"""The high frequencies of a sound that has lost them: a low sample rate, a telephone, a strong codec."""

from dataclasses import dataclass
from typing import ClassVar

from core.operators.band_limit import BandLimit
from tools.editing.bench import Bench, Edited, Problem, restored
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class BandwidthExtend:
    """cutoff: the highest frequency that is there, in Hz. None is half the file's sample rate.

    Raises ValueError where that is not below half the model's sample rate.
    """

    MEDIA: ClassVar = ("audio",)
    SETTINGS: ClassVar = SETTINGS
    cutoff: float | None = None

    def __call__(self, bench: Bench) -> Edited:
        rate: int = bench.media.sample_rate  # type: ignore[attr-defined]
        cutoff = bench.file.facts["rate"] / 2 if self.cutoff is None else self.cutoff
        if not 0 < cutoff < rate / 2:
            raise ValueError(
                f"cutoff={cutoff:g} Hz must lie between 0 and {rate / 2:g} Hz, the highest that the model makes: "
                "say cutoff=HZ, the highest frequency of the input"
            )
        low = BandLimit(2 * cutoff / rate)
        return restored(bench, Problem(operator=low, place=low))


bandwidth_extend = BandwidthExtend
