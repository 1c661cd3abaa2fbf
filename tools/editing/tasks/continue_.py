"""A sound or a clip that goes on where the file ends, for as long as one likes; what was there stays as it is."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tools.editing.bench import Bench, Edited, replaced, said, solver_of
from tools.editing.canvas import in_turns, pad_end
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class Continue:
    """more: seconds of sound or frames of a clip to add, None: half of what the model makes at once. context: what each
    new part is given of what there is, in the same unit; None: half of what the model makes at once.

    Raises ValueError where either is not above 0, or the context leaves no room for anything new.
    """

    MEDIA: ClassVar = ("audio", "video")
    SETTINGS: ClassVar = SETTINGS
    more: float | None = None
    context: float | None = None

    def __call__(self, bench: Bench) -> Edited:
        media: Any = bench.media
        rate, axis = bench.space.rate if media.name == "audio" else 1.0, bench.space.time
        window = media.samples if media.name == "audio" else media.frames
        assert axis is not None
        more, context = (round(v * rate) if v is not None else window // 2 for v in (self.more, self.context))
        for name, given, value in (("more", self.more, more), ("context", self.context, context)):
            if value < 1:
                raise ValueError(f"{name}={given} must be above 0 {'seconds' if rate > 1 else 'frames'}")
        if context >= window:
            raise ValueError(
                f"context={self.context:g} leaves nothing to add: the model makes {window / rate:g} at once"
            )
        length = int(bench.file.length)
        signal = whole(bench, length)
        solver = solver_of(bench)
        total = length + more
        results = in_turns(bench, signal, axis=axis, total=total, context=context, solver=solver)
        facts = {**said(solver), "continued_from": length / rate}
        return Edited(before=[("input", pad_end(signal, axis, total))], results=results, facts=facts)


def whole(bench: Bench, length: int) -> Any:
    """The file from its start to its end, as a signal of `length` elements along time."""
    media: Any = bench.media
    if media.name == "video":
        return bench.signal(replaced(media, frames=length))
    hop = getattr(media, "hop", 1) if media.representation == "spectrogram" else 1
    padded = -(-length // hop) * hop
    return bench.signal(replaced(media, samples=padded)).narrow(-1, 0, length)


continue_ = Continue
