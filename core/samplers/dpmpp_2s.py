"""DPM-Solver++(2S), data prediction (Lu et al. 2022b, algorithm 1): single-step, two calls per step.

    u   a share r of the way from t to s in log-SNR, x_u the DDIM step
    x_s = sigma_s/sigma_t x_t + alpha_s (1 - e^-h) (x0_t + (x0_u - x0_t) / (2 r))

The steps from alpha = 0 and to sigma = 0 are DDIM steps of one call.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import between, ddim_weights, ends
from core.samplers._single_step import single_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 2
CALLS = 2


def dpmpp_2s(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    r: float = 0.5,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. Raises ValueError unless 0 < r < 1."""
    if not 0 < r < 1:
        raise ValueError(f"dpmpp_2s: r must lie in (0, 1), got {r}")
    t, s = times[:-1], times[1:]
    u = between(schedule, t, s, r)
    direct = ddim_weights(schedule, t, s)
    final = [direct[0], direct[1] * (1 - 1 / (2 * r)), direct[1] / (2 * r)]
    start = (t, [torch.ones_like(t), torch.zeros_like(t)])
    step = single_step(x, [start, (u, ddim_weights(schedule, t, u))], final, direct, ends(schedule, times))
    for i, end in enumerate(s.unbind()):
        x, _ = step(denoise, x, i)
        yield State(end, x)
