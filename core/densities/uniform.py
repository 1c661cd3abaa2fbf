"""Times uniform on (0, t_max) (Ho et al. 2020, algorithm 1, in continuous time)."""

from dataclasses import dataclass

from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class Uniform:
    """t = t_max u."""

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        return schedule.t_max * u


uniform = Uniform
