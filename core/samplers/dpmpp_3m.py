"""DPM-Solver++(3M), data prediction (Lu et al. 2022b, sec. 4): multistep of third order, one evaluation per step.

    x_s = sigma_s/sigma_t x_t + alpha_s ∫ e^(lam - lam_s) P(lam) dlam,      P through the latest three x0_hat, in lam

The integral is exact. The published code, and with it diffusers and k-diffusion, gives the second divided difference
of P half of its weight; that is `curvature` 1/2, a method of second order that is calmer in a few long steps.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import half_log_snr
from core.samplers._multistep import adams, data_weights, latest, multistep
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 3


def dpmpp_3m(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    curvature: float = 1.0,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The orders of the first steps are 1 and 2; one that lands on sigma = 0
    is first order. Raises ValueError unless `curvature` lies in [0, 1]; below 1 the order is 2."""
    if not 0 <= curvature <= 1:
        raise ValueError(f"dpmpp_3m: curvature must lie in [0, 1], got {curvature}")
    lam = half_log_snr(schedule, times)
    on_x, *on_x0 = data_weights(schedule, times, latest(lam, 3))
    bent = schedule.alpha(times[1:]) * _second_difference(lam)
    return multistep(denoise, x, times, [on_x, *torch.stack(on_x0).sub(bent, alpha=1 - curvature)], kept=[])


def _second_difference(lam: Tensor) -> Tensor:
    """`(3, steps)`: weights of the x0_hat in the term of P that is quadratic in lam - lam_t, integrated over each step;
    0 where there are fewer than three."""
    node = latest(lam, 3)
    gap = node[:, None] - node + torch.eye(3, dtype=lam.dtype, device=lam.device)[:, :, None]  # 1 for a node and itself
    square = adams(node[:1], lam, lambda at: torch.exp(at - lam[1:]) * (at - lam[:-1]) ** 2)
    return torch.where(lam.diff().isinf(), 0.0, square / gap.prod(1)).nan_to_num(0.0)
