"""Another schedule with every noise level multiplied by a factor: the shift for resolution or length.

More pixels (samples, frames) of the same content show the same noise averaged down, so that a network at d times the
side needs d times the level for the same task (Hoogeboom et al. 2023, sec. 3.1: lambda - 2 ln factor; Esser et al.
2024, eq. 23: factor = sqrt(m / n) for m pixels in place of n).

    sigma' / alpha' = factor sigma / alpha

The scale of x stays what the base keeps constant, alpha^2 + sigma^2 on `linear` or `cosine`, alpha + sigma on
`rectified` (so this is Esser's eq. 23: t' = factor t / (1 + (factor - 1) t)), alpha on `edm` and `ve`.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import Tensor

from core.schedule import Schedule
from core.schedules._kept import Size, size_kept
from core.schedules.rectified import Rectified


@dataclass(frozen=True)
class Shifted:
    """`factor` > 1 spends more time on noise; 3 is Stable Diffusion 3's at 1024 x 1024. t_max is the base's.

    A base that keeps none of the three is scaled by its alpha^2 + sigma^2. Raises ValueError for a factor that is not
    positive and finite.
    """

    base: Annotated[Schedule, "core.schedules"] = Rectified()
    factor: float = 3.0
    _size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.factor < math.inf:
            raise ValueError(f"schedule shifted: factor must be positive and finite, got {self.factor}")
        object.__setattr__(self, "_size", size_kept(self.base) or torch.hypot)

    @property
    def t_max(self) -> float:
        return self.base.t_max

    def _shifted(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(alpha', sigma'), finite with finite rates wherever those of the base are."""
        alpha, sigma = self.base.alpha(t), self.base.sigma(t)
        raised = self.factor * sigma
        before, after = self._size(alpha, sigma), self._size(alpha, raised)
        return alpha * before / after, raised * before / after

    def alpha(self, t: Tensor) -> Tensor:
        return self._shifted(t)[0]

    def sigma(self, t: Tensor) -> Tensor:
        return self._shifted(t)[1]

    def time(self, log_snr: Tensor) -> Tensor:
        return self.base.time(log_snr + 2 * math.log(self.factor))


shifted = Shifted
