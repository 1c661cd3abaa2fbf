"""Fill in a part of an image, a sound or a clip; the rest stays as it is, bit for bit."""

from dataclasses import dataclass
from typing import ClassVar

from core.operators.mask import Keep
from tools.editing.bench import Bench, Edited, Problem, restored
from tools.editing.defaults import SETTINGS
from tools.editing.regions import hidden


@dataclass(frozen=True)
class Inpaint:
    """mask: a PNG of the model's size, light where it is to be filled in; region: see `tools.editing.regions`."""

    MEDIA: ClassVar = ("image", "audio", "video")
    SETTINGS: ClassVar = SETTINGS
    mask: str | None = None
    region: str | None = None

    def __call__(self, bench: Bench) -> Edited:
        shape = tuple(bench.signal().shape[1:])
        known = ~hidden(bench.media, shape, mask=self.mask, region=self.region).to(bench.device)
        keep = Keep(known)
        return restored(bench, Problem(operator=keep, place=keep, known=known))


inpaint = Inpaint
