"""What is kept of a set of examples while it streams by: moments of all, rows of the first so many.

Moments take D^2 numbers whatever the count; neighbours and kernels need the features themselves, of at most `KEPT`
examples. Neither grows with the length of the stream.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.distances import Moments
from core.training.distributed import World
from modalities.features.network import FeatureNetwork
from tools.evaluation.stream import Part

KEPT = 10_000
"""Examples whose features are kept: the count that papers on neighbours use."""


@dataclass
class Rows:
    """Of the kept examples, one row each."""

    numbers: Tensor
    features: Tensor
    logits: Tensor
    """(n, K), K = 0 without classes."""
    labels: Tensor
    statistics: Tensor
    """(n, E) of the media themselves: see `statistics_of`."""

    @classmethod
    def joined(cls, parts: Iterable["Rows"]) -> "Rows":
        """All rows, in the order of their numbers."""
        many = list(parts)
        columns = [torch.cat([getattr(part, name) for part in many]) for name in cls.__annotations__]
        order = columns[0].argsort()
        return cls(*(column[order] for column in columns))


@dataclass
class Gathered:
    """`count` examples seen; `rows` of at most `KEPT`."""

    moments: Moments
    rows: Rows
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.moments.count


def gather(
    parts: Iterable[Part],
    network: FeatureNetwork,
    statistics: Callable[[Tensor], Tensor],
    world: World | None = None,
    *,
    watch: Callable[[Part], None] | None = None,
) -> Gathered | None:
    """One pass over a stream. On the first process, that of all processes; None on the others.

    watch: is shown every part of this process's stream. Raises ValueError where there is none.
    """
    moments, kept = Moments.empty(network.width), list[Rows]()
    for part in parts:
        seen = network(part.media)
        moments.add(seen.features)
        if watch is not None:
            watch(part)
        fresh = part.numbers < KEPT
        if fresh.any():
            logits = seen.logits if seen.logits is not None else seen.features[:, :0]
            columns = (part.numbers, seen.features, logits, part.labels, statistics(part.media))
            kept.append(Rows(*(column.cpu()[fresh] for column in columns)))
    all_moments, all_kept = [moments], kept
    if world is not None:
        all_moments = world.gathered(moments)
        all_kept = [rows for some in world.gathered(kept) for rows in some]
        if not world.first:
            return None
    if not all_kept:
        raise ValueError("there is nothing to evaluate: the set of examples is empty")
    total = Moments.empty(network.width)
    for each in all_moments:
        total.merge(each)
    return Gathered(total, Rows.joined(all_kept))


def statistics_of(name: str) -> Callable[[Tensor], Tensor]:
    """What is measured on the stored media of a modality: (B, ...) -> (B, E)."""
    if name == "audio":
        from modalities.features.sound import mean_levels

        return mean_levels
    if name == "video":
        from modalities.features.motion import movement

        return movement
    return lambda media: torch.empty(len(media), 0)
