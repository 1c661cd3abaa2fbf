"""Exponentially falling noise levels with an exponent on the way: k-diffusion's «polyexponential», diffusers'
«exponential» at rho = 1.

    sigma_i / alpha_i = sigma_max^(r^rho) sigma_min^(1 - r^rho),      r = 1 ... 0 in equal steps

At rho = 1 these are equal steps in log-SNR, the grid `log_snr`; rho > 1 moves steps to the low levels.
"""

import math

import torch
from torch import Tensor

from core.grids._levels import times_of, top_level
from core.schedule import Schedule


def exponential(
    schedule: Schedule, steps: int, *, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 1.0
) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU.

    sigma_min and sigma_max are levels sigma / alpha, with the meaning that they have in `karras`.
    Raises ValueError unless steps >= 1, rho > 0 and 0 < sigma_min < the start.
    """
    top = top_level(schedule, sigma_max)
    if steps < 1 or rho <= 0 or not 0 < sigma_min < top:
        raise ValueError(
            f"grid exponential: needs steps >= 1, rho > 0 and 0 < sigma_min < {top:.4g}, "
            f"got steps {steps}, rho {rho}, sigma_min {sigma_min}, sigma_max {sigma_max}"
        )
    share = torch.linspace(1, 0, steps, dtype=torch.float64) ** rho
    return times_of(schedule, math.log(sigma_min) + share * (math.log(top) - math.log(sigma_min)))
