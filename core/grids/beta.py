"""Times at the quantiles of a beta distribution (Lee et al. 2024): dense at both ends for parameters below 1."""

import torch
from torch import Tensor

from core.grids._beta import beta_quantile
from core.schedule import Schedule


def beta(schedule: Schedule, steps: int, *, a: float = 0.6, b: float = 0.6) -> Tensor:
    """`(steps + 1,)` times t_max F^-1(1 - i / steps) from t_max to 0, float64 on the CPU, F of Beta(a, b).

    b < 1 makes the steps small near the noise, a < 1 near the data; a = b = 1 is `uniform`. The paper spaces times, as
    here; diffusers' «beta sigmas» the levels, between sigma_min and sigma_max.
    Raises ValueError unless steps >= 1 and a and b lie in [0.3, 20], where float64 tells the times apart.
    """
    if steps < 1 or not (0.3 <= a <= 20 and 0.3 <= b <= 20):
        raise ValueError(f"grid beta: needs steps >= 1 and a, b in [0.3, 20], got steps {steps}, a {a}, b {b}")
    return schedule.t_max * beta_quantile(torch.linspace(1, 0, steps + 1, dtype=torch.float64), a, b)
