"""More pixels: an image or a clip whose pixels are means of `factor` x `factor` finer ones."""

from dataclasses import dataclass
from typing import ClassVar

from core.operators.downsample import Downsample
from tools.editing.bench import Bench, Edited, Problem, replaced, restored
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class SuperResolve:
    """factor: of height and width. Raises ValueError where it does not divide the model's size."""

    MEDIA: ClassVar = ("image", "video")
    SETTINGS: ClassVar = SETTINGS
    factor: int = 2

    def __call__(self, bench: Bench) -> Edited:
        size = bench.media.event_shape[-1]
        if self.factor < 2 or size % self.factor:
            fit = [str(f) for f in range(2, size) if size % f == 0]
            raise ValueError(f"factor={self.factor} must divide the model's size {size}: {', '.join(fit)}")
        pool = Downsample(self.factor, (-2, -1))
        small = replaced(bench.media, size=size // self.factor)
        return restored(bench, Problem(operator=pool, degraded=small, shown=pool.pinv))


super_resolve = SuperResolve
