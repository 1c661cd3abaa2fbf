"""What is known stays: in every estimate of a sampler, and in its last state."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from core.schedule import Denoise
from core.state import State
from modalities.condition import Condition
from modalities.references import known


def rows(kinds: Mapping[str, Condition], cond: Mapping[str, Tensor] | None) -> list[Tensor]:
    """The rows of conditions that are x0 itself where they are known."""
    return [cond[name] for name, kind in kinds.items() if cond and name in cond and getattr(kind, "keeps", False)]


def keeping(denoise: Denoise, given: list[Tensor]) -> Denoise:
    """`denoise` with the known values in its estimate of x0; itself where nothing is known."""
    for row in given:
        denoise = known.kept(denoise, row)
    return denoise


def ending(states: Iterator[State], given: list[Tensor]) -> Iterator[State]:
    """The states of a sampler; the last has the known values bit for bit, where rounding or noise has touched them."""
    previous: State | None = None
    for state in states:
        if previous is not None:
            yield previous
        previous = state
    if previous is not None:
        x = previous.x
        for row in given:
            x = known.put_in(x, row)
        yield State(previous.t, x)
