"""CFG++ (Chung et al. 2024, algorithm 2): x0_hat is guided, the noise that is put back is the unconditional model's.

    x0_hat = x0_u + scale (x0_c - x0_u),      x_s = alpha_s x0_hat + sigma_s eps_u

A step of DDIM puts the eps back that belongs to x0_hat. It makes the same x_s from an x0_hat guided further,

    x0_u + scale / (1 - level_s / level_t) (x0_c - x0_u),      level = sigma / alpha,

so that CFG++ is a denoiser too, given the next time s. It grows as the steps shrink: CFG++ depends on the grid, and has
no limit in the number of steps.
"""

import torch
from torch import Tensor

from core.schedule import Denoise, Schedule, log_snr
from core.shapes import expand_like


def cfg_plus_plus(
    conditional: Denoise, unconditional: Denoise, schedule: Schedule, times: Tensor, *, scale: float
) -> Denoise:
    """x0_hat of shape (B, *event), to be sampled along `times` `(steps + 1,)`, those of the sampler.

    `scale` is the paper's lambda in [0, 1]: 0 is the unconditional sampler, 1 is NOT off (the conditional x0_hat with
    unconditional noise). Exact for `ddim` with eta 0 on any schedule and for `euler` on straight paths (`edm`,
    `rectified`); to the first order of the step for others, which take more than one x0_hat into a step.
    Raises ValueError for a scale outside [0, 1].
    """
    if not 0 <= scale <= 1:
        raise ValueError(f"cfg_plus_plus: scale must lie in [0, 1], got {scale}")

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        grid = times.to(t)
        near = (grid[:-1] - t[..., None]).abs().argmin(-1)  # a time may have been rounded, or raised by churn
        ratio = (log_snr(schedule, t) - log_snr(schedule, torch.take(grid[1:], near))) / 2
        further = expand_like(-scale / torch.expm1(ratio), x)
        base = unconditional(x, t)
        return (base + further * (conditional(x, t) - base)).to(x.dtype)

    return denoise
