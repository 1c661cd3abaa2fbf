"""Equal steps in log-SNR (Lu et al. 2022a), then one to 0: the limit rho -> inf of `karras`."""

import math

import torch
from torch import Tensor

from core.grids._levels import times_of, top_level
from core.schedule import Schedule


def log_snr(schedule: Schedule, steps: int, *, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU.

    sigma_min and sigma_max are levels sigma / alpha, with the meaning and the errors that they have in `karras`.
    """
    top = top_level(schedule, sigma_max)
    if steps < 1 or not 0 < sigma_min < top:
        raise ValueError(
            f"grid log_snr: needs steps >= 1 and 0 < sigma_min < {top:.4g}, "
            f"got steps {steps}, sigma_min {sigma_min}, sigma_max {sigma_max}"
        )
    return times_of(schedule, torch.linspace(math.log(top), math.log(sigma_min), steps, dtype=torch.float64))
