"""CFG-Zero* (Fan et al. 2025): guidance of the velocity, with the best multiple of the
unconditional one as its base, and none in the first steps, where the velocity is worse than zero.

    v = fit v_u + scale (v_c - fit v_u),      fit = <v_c, v_u> / ||v_u||^2 of each example

v = eps_hat - x0_hat is the velocity of the straight path through x / (alpha + sigma), at time sigma / (alpha + sigma):
their own on `rectified`, and the same guidance of the same model on every other schedule.
"""

import torch
from torch import Tensor

from core.guidance._choose import choose
from core.guidance._events import inner, wide
from core.schedule import Denoise, Schedule, scales


def cfg_zero(
    conditional: Denoise, unconditional: Denoise, schedule: Schedule, *, scale: float, zero_init: float = 0.04
) -> Denoise:
    """x0_hat of shape (B, *event). Scale 1 guides nothing but the first steps.

    `zero_init` is the share of the straight path's time, from pure noise on, in which v = 0: K of N uniform steps are
    K / N, whatever the first one is, and 0 is none. The paper's is 0.04. No model is called there (see `_choose`).
    Raises ValueError for zero_init outside [0, 1).
    """
    if not 0 <= zero_init < 1:
        raise ValueError(f"cfg_zero: zero_init must lie in [0, 1), got {zero_init}")

    def still(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = scales(schedule, t, x)
        return (x / (alpha + sigma)).to(x.dtype)

    def fitted(x: Tensor, t: Tensor) -> Tensor:
        if scale == 1:
            return conditional(x, t)
        alpha, sigma = scales(schedule, t, x)
        v_c = wide(x) - (alpha + sigma) * conditional(x, t)  # sigma v: the factor cancels in fit and in the result
        v_u = wide(x) - (alpha + sigma) * unconditional(x, t)
        base = inner(v_c, v_u) / inner(v_u, v_u).clamp_min(torch.finfo(torch.float32).tiny) * v_u
        return ((wide(x) - base - scale * (v_c - base)) / (alpha + sigma)).to(x.dtype)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = schedule.alpha(wide(t)), schedule.sigma(wide(t))
        return choose(sigma / (alpha + sigma) > 1 - zero_init, still, fitted, x, t)

    return denoise
