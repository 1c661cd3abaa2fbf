"""The sub-VP SDE (Song et al. 2021b, eq. 12 and 29): the alpha of `linear` with less noise beside it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.schedules.linear import Linear


@dataclass(frozen=True)
class SubVP:
    """alpha = exp(-B(t) / 2), sigma = 1 - alpha^2, B(t) = beta_min t + (beta_max - beta_min) t^2 / 2.

    The level is sigma / alpha = 2 sinh(B / 2), which time() inverts.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.beta_min <= self.beta_max and self.t_max > 0):
            raise ValueError(f"schedule sub_vp: needs 0 < beta_min <= beta_max and t_max > 0, got {self}")

    @property
    def _vp(self) -> Linear:
        return Linear(self.beta_min, self.beta_max, self.t_max)

    def alpha(self, t: Tensor) -> Tensor:
        return self._vp.alpha(t)

    def sigma(self, t: Tensor) -> Tensor:
        return -torch.expm1(-self._vp.integral(t))

    def time(self, log_snr: Tensor) -> Tensor:
        return self._vp.time_at(2 * torch.asinh(torch.exp(-log_snr / 2) / 2))


sub_vp = SubVP
