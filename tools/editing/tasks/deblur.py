"""A sharp image or clip from one that a Gaussian has blurred."""

from dataclasses import dataclass
from typing import ClassVar

from core.operators.blur import Blur
from tools.editing.bench import Bench, Edited, Problem, restored
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class Deblur:
    """std: of the Gaussian, in pixels of the model's size. The picture counts as periodic at its edges."""

    MEDIA: ClassVar = ("image", "video")
    SETTINGS: ClassVar = SETTINGS
    std: float = 1.5

    def __call__(self, bench: Bench) -> Edited:
        return restored(bench, Problem(operator=Blur(self.std, (-2, -1))), noise=0.01)


deblur = Deblur
