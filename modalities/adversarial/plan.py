"""The sizes of a GAN's two networks, level by level: what generator and critic have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modalities.adversarial.blocks import axes
from modalities.nn.options import at_least, per_level


@dataclass(frozen=True, kw_only=True)
class Plan:
    """event_shape: (C, *size). width, multipliers: channels of each level, in widths, the finest first; blocks: of each
    level; patch: positions of a side folded into channels, of a clip's frames and not along time; factor:
    shrinkage between levels; latent: numbers of z; classes: labels, 0 for none.

    Raises ValueError where a number is too small or the lists do not fit each other.
    """

    event_shape: tuple[int, ...]
    width: int = 32
    multipliers: Sequence[int] = (1, 2)
    blocks: int | Sequence[int] = 1
    patch: int = 1
    factor: int = 2
    latent: int = 64
    classes: int = 0

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("patch", 1), ("factor", 2), ("latent", 1), ("classes", 0)):
            at_least(f"gan.{name}", getattr(self, name), least)
        levels = at_least("the number of levels (gan.multipliers)", len(self.multipliers), 1)
        per_level("gan.multipliers", self.multipliers, levels, 1)
        per_level("gan.blocks", self.blocks, levels, 1)
        if not 1 <= self.rank <= 3:
            raise ValueError(f"a GAN makes events of 1 to 3 axes beside the channels, not {self.rank}")

    @property
    def rank(self) -> int:
        return len(self.event_shape) - 1

    @property
    def channels(self) -> list[int]:
        """Of each level, the finest first."""
        return [self.width * m for m in self.multipliers]

    @property
    def depth(self) -> tuple[int, ...]:
        """Residual blocks of each level."""
        return per_level("gan.blocks", self.blocks, len(self.multipliers), 1)

    @property
    def folding(self) -> tuple[int, ...]:
        """`patch` along each axis of a map or volume."""
        return (1, self.patch, self.patch) if self.rank == 3 else axes(self.patch, self.rank)

    @property
    def folded(self) -> int:
        """Channels of a patch."""
        return self.event_shape[0] * math.prod(self.folding)

    @property
    def coarsest(self) -> tuple[int, ...]:
        """Size of the map or volume of the last level."""
        size = (1, *self.event_shape[1:]) if self.rank == 1 else self.event_shape[1:]
        shrinkage = axes(self.factor ** (len(self.multipliers) - 1), self.rank)
        return tuple(-(-n // (p * f)) for n, p, f in zip(size, self.folding, shrinkage, strict=True))
