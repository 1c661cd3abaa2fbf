"""What a recipe may choose about an autoencoder: its sizes, level by level, and the size of the latent that follows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modalities.nn.layout import Size, square
from modalities.nn.options import at_least, odd, per_level


@dataclass(frozen=True, kw_only=True)
class AutoencoderShape:
    """Lists have one entry per level, `factors` and `time_factors` one per change of level; a single value stands for
    all of them.

    width: channels of the first level; multipliers: channels of each level, in widths; blocks: residual blocks per
    level, in the encoder and again in the decoder; attention: self-attention at the last, smallest level;
    head_channels: channels of an attention head; patch: positions of a side folded into channels; factors: shrinkage
    between levels; time_factors: of a clip's frames; kernel, temporal_kernel: taps of a side and along time.

    Raises ValueError where a number is too small or the lists do not fit each other.
    """

    width: int = 32
    multipliers: Sequence[int] = (1, 2, 4)
    blocks: int | Sequence[int] = 1
    attention: bool = False
    head_channels: int = 32
    patch: int = 1
    factors: int | Sequence[int] = 2
    time_factors: int | Sequence[int] = 1
    kernel: int = 3
    temporal_kernel: int = 3

    def __post_init__(self) -> None:
        levels = at_least("the number of levels (autoencoder.network.multipliers)", len(self.multipliers), 1)
        at_least("autoencoder.network.width", self.width, 1)
        at_least("autoencoder.network.patch", self.patch, 1)
        per_level("autoencoder.network.multipliers", self.multipliers, levels, 1)
        per_level("autoencoder.network.blocks", self.blocks, levels)
        per_level("autoencoder.network.factors", self.factors, levels - 1, 1)
        per_level("autoencoder.network.time_factors", self.time_factors, levels - 1, 1)
        odd("autoencoder.network.kernel", self.kernel)
        odd("autoencoder.network.temporal_kernel", self.temporal_kernel)

    @property
    def channels(self) -> list[int]:
        """Of each level, the finest first."""
        return [self.width * m for m in self.multipliers]

    @property
    def depth(self) -> tuple[int, ...]:
        """Residual blocks of each level."""
        return per_level("autoencoder.network.blocks", self.blocks, len(self.multipliers))

    def steps(self, rank: int) -> list[tuple[Size, int]]:
        """Between one level and the next: the shrinkage along (height, width) and along time."""
        changes = len(self.multipliers) - 1
        space = per_level("autoencoder.network.factors", self.factors, changes, 1)
        time = (1,) * changes
        if rank == 3:
            time = per_level("autoencoder.network.time_factors", self.time_factors, changes, 1)
        return [(square(f, rank), t) for f, t in zip(space, time, strict=True)]

    def factor(self, rank: int) -> tuple[int, ...]:
        """How many positions of an event of `rank` axes become one of its latent, per axis: (time,) height, width."""
        space = self.patch * math.prod(f[1] for f, _ in self.steps(rank))
        time = math.prod(t for _, t in self.steps(rank))
        return {1: (space,), 2: (space, space), 3: (time, space, space)}[rank]

    def latent_size(self, event_shape: Sequence[int]) -> tuple[int, ...]:
        """The latent's size, without its channels, for events of that shape (C, *size).

        Raises ValueError where the factors do not divide the size.
        """
        size = tuple(event_shape[1:])
        factor = self.factor(len(size))
        if any(n % f for n, f in zip(size, factor, strict=True)):
            near = tuple(max(f, round(n / f) * f) for n, f in zip(size, factor, strict=True))
            raise ValueError(
                f"the autoencoder shrinks {_by(size)} by {_by(factor)}, which does not divide it: choose another media "
                f"size ({_by(near)} is the nearest), autoencoder.network.patch, factors or time_factors"
            )
        return tuple(n // f for n, f in zip(size, factor, strict=True))


def _by(size: Sequence[int]) -> str:
    """«16 x 32 x 32»."""
    return " x ".join(map(str, size))
