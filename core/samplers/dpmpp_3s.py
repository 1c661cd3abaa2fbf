"""DPM-Solver-3 in data prediction (Lu et al. 2022a, algorithm 5; 2022b, app. B): single-step, three calls per step.

    u, v   shares r1 and r2 of the way from t to s in log-SNR
    x_u = the DDIM step
    x_v = the DDIM step + alpha_v phi(r2 h) (r2 / r1) (x0_u - x0_t),      phi(h) = 1 - (1 - e^-h) / h
    x_s = the DDIM step + alpha_s phi(h)    (1 / r2)  (x0_v - x0_t)

The steps from alpha = 0 and to sigma = 0 are DDIM steps of one call.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import between, ddim_weights, ends, half_log_snr
from core.samplers._single_step import single_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 3
CALLS = 3


def dpmpp_3s(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    r1: float = 1 / 3,
    r2: float = 2 / 3,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The third order needs r2 = 2/3; ValueError unless 0 < r1 < r2 < 1."""
    if not 0 < r1 < r2 < 1:
        raise ValueError(f"dpmpp_3s: needs 0 < r1 < r2 < 1, got r1 {r1} and r2 {r2}")
    t, s = times[:-1], times[1:]
    u, v = (between(schedule, t, s, r) for r in (r1, r2))
    h = half_log_snr(schedule, s) - half_log_snr(schedule, t)
    zero, direct, at_v = torch.zeros_like(t), ddim_weights(schedule, t, s), ddim_weights(schedule, t, v)
    inner = schedule.alpha(v) * (1 + torch.expm1(-r2 * h) / (r2 * h)) * r2 / r1
    outer = schedule.alpha(s) * (1 + torch.expm1(-h) / h) / r2
    stages = [
        (t, [torch.ones_like(t), zero]),
        (u, ddim_weights(schedule, t, u)),
        (v, [at_v[0], at_v[1] - inner, inner]),
    ]
    final = [direct[0], direct[1] - outer, zero, outer]
    step = single_step(x, stages, final, direct, ends(schedule, times))
    for i, end in enumerate(s.unbind()):
        x, _ = step(denoise, x, i)
        yield State(end, x)
