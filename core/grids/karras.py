"""Noise levels whose rho-th roots are equally spaced (Karras et al. 2022, eq. 5), as times of any schedule."""

import torch
from torch import Tensor

from core.grids._levels import times_of, top_level
from core.schedule import Schedule


def karras(
    schedule: Schedule, steps: int, *, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0
) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU.

    sigma_min and sigma_max are levels sigma / alpha. The spacing starts at sigma_max, or at the level of t_max where
    that is lower; the first time is t_max itself even where its level is higher (on `rectified` it is infinite).
    Raises ValueError unless steps >= 1, rho > 0 and 0 < sigma_min < that start.
    """
    top = top_level(schedule, sigma_max)
    if steps < 1 or rho <= 0 or not 0 < sigma_min < top:
        raise ValueError(
            f"grid karras: needs steps >= 1, rho > 0 and 0 < sigma_min < {top:.4g}, "
            f"got steps {steps}, rho {rho}, sigma_min {sigma_min}, sigma_max {sigma_max}"
        )
    roots = torch.linspace(top ** (1 / rho), sigma_min ** (1 / rho), steps, dtype=torch.float64)
    return times_of(schedule, rho * roots.log())
