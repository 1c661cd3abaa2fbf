"""Colour for a grey image or clip: red, green and blue whose luma is given. For sound: two channels from their mean."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from core.operators.grey import Grey
from tools.editing.bench import Bench, Edited, Problem, replaced, restored
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class Colourise:
    """It has no options: the weights are those of ITU-R BT.601, or 1/2 each for stereo."""

    MEDIA: ClassVar = ("image", "audio", "video")
    SETTINGS: ClassVar = SETTINGS

    def __call__(self, bench: Bench) -> Edited:
        """Raises ValueError for a model of grey pictures or mono sound."""
        channels: int = bench.media.channels  # type: ignore[attr-defined]
        wanted = 2 if bench.media.name == "audio" else 3
        if channels != wanted:
            raise ValueError(f"task=colourise needs a model of {wanted} channels, this one has {channels}")
        grey = Grey((0.5, 0.5)) if wanted == 2 else Grey()

        def shown(y: Tensor) -> Tensor:
            return y.expand(-1, channels, *y.shape[2:])

        mono = replaced(bench.media, channels=1)
        return restored(bench, Problem(operator=grey, degraded=mono, shown=shown))


colourise = Colourise
