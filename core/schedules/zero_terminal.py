"""A variance-preserving schedule, rescaled so that it ends in pure noise (Lin et al. 2024, sec. 3.1 and algorithm 1).

    alpha' = (alpha - alpha(t_max)) / (1 - alpha(t_max)),    sigma' = sqrt(1 - alpha'^2)

The paper keeps alpha after the first step of a table; here the clean end itself is kept, where alpha = 1. On a table of
a thousand steps alpha' differs by less than 1e-4; `zero_terminal_betas` is the paper's algorithm to the letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from core.schedule import Schedule
from core.schedules._kept import size_kept
from core.schedules.scaled_linear import ScaledLinear


def zero_terminal_betas(betas: Sequence[float]) -> tuple[float, ...]:
    """The betas of a table, rescaled so that the last is 1 and the first stays (Lin et al. 2024, algorithm 1); for
    `Discrete`. Raises ValueError for fewer than two betas."""
    if len(betas) < 2:
        raise ValueError(f"zero_terminal_betas: needs at least two betas, got {len(betas)}")
    alpha = torch.sqrt(torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), 0))
    alpha = (alpha - alpha[-1]) * (alpha[0] / (alpha[0] - alpha[-1]))
    ratio = alpha[1:] / alpha[:-1]
    return (betas[0], *(1 - ratio**2).tolist())


@dataclass(frozen=True)
class ZeroTerminal:
    """`base` with alpha(t_max) = 0. Its default is the schedule that the paper repairs.

    Raises ValueError where the base does not keep alpha^2 + sigma^2 = 1.
    """

    base: Annotated[Schedule, "core.schedules"] = ScaledLinear()

    def __post_init__(self) -> None:
        if size_kept(self.base) is not torch.hypot:
            raise ValueError(f"schedule zero_terminal: the base must be variance-preserving, got {self.base}")

    @property
    def t_max(self) -> float:
        return self.base.t_max

    def _end(self, like: Tensor) -> Tensor:
        """alpha(t_max) of the base, rounded as it is at each place of `like`: their difference is 0 and not 1e-17."""
        return self.base.alpha(torch.full_like(like, self.t_max))

    def alpha(self, t: Tensor) -> Tensor:
        end = self._end(t)
        return (self.base.alpha(t) - end) / (1 - end)

    def sigma(self, t: Tensor) -> Tensor:
        alpha = self.base.alpha(t)
        gap = self.base.sigma(t) ** 2 / ((1 + alpha) * (1 - self._end(t)))  # 1 - alpha'
        return torch.sqrt(gap * (2 - gap))

    def time(self, log_snr: Tensor) -> Tensor:
        end, alpha = self._end(log_snr), torch.sqrt(torch.sigmoid(log_snr))
        gap = torch.sigmoid(-log_snr) / (1 + alpha) * (1 - end)  # 1 - alpha of the base
        base = torch.log((alpha * (1 - end) + end) ** 2) - torch.log(gap * (2 - gap))
        return self.base.time(base).clamp(max=self.t_max)


zero_terminal = ZeroTerminal
