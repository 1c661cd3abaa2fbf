"""The variance of x0 around a denoiser's answer, by Monte Carlo: what `samplers/analytic_dpm` makes its noise from.

    v(t) = E|x0 - x0_hat(x_t, t)|^2 / d,      x_t = alpha x0 + sigma eps

For the exact denoiser this is (sigma / alpha)^2 (1 - sigma^2 E|score|^2 / d), the estimate of Bao et al. (2022a, eq. 8)
from the score alone; for a network it stays the optimum, given the network's mean (Bao et al. 2022b, sec. 3.2), and it
is finite and never negative, also where alpha = 0.
"""

import torch
from torch import Tensor

from core.schedule import Denoise, Schedule, diffuse
from core.state import RandnLike


@torch.no_grad()
def posterior_variance(
    denoise: Denoise, schedule: Schedule, x0: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Tensor:
    """v at `times` (n,), with sigma > 0, estimated on the examples x0 (B, *event) with one noise each: (n,) float64.

    `analytic_dpm` takes it as `variances=tuple(v.tolist())`, from the same `times` without the last.
    """
    errors = [x0 - denoise(diffuse(schedule, x0, t, randn_like(x0)), t) for t in times.unbind()]
    return torch.stack([error.double().square().mean() for error in errors])
