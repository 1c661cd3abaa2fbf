"""An image or a clip with more around it than there was; what was there stays as it is."""

from dataclasses import dataclass
from typing import ClassVar

from tools.editing.bench import Bench, Edited, said, solver_of
from tools.editing.canvas import at_once, placed
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class Outpaint:
    """left, right, top, bottom: pixels to add. The model sees the canvas through overlapping windows of its own size.

    Raises ValueError where nothing is added.
    """

    MEDIA: ClassVar = ("image", "video")
    SETTINGS: ClassVar = SETTINGS
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def __call__(self, bench: Bench) -> Edited:
        sides = (self.left, self.right, self.top, self.bottom)
        if min(sides) < 0 or not any(sides):
            raise ValueError("say how many pixels to add, at least one: left=N right=N top=N bottom=N")
        signal = bench.signal()
        other = (0,) * (signal.ndim - 4)  # a clip keeps its frames
        canvas, known = placed(signal, (*other, self.top, self.left), (*other, self.bottom, self.right))
        solver = solver_of(bench)
        results = at_once(bench, canvas, known, solver)
        return Edited(before=[("input", canvas)], results=results, facts=said(solver))


outpaint = Outpaint
