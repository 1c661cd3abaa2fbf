"""DPM-Solver-2 (Lu et al. 2022a, algorithm 4): a stage inside of the step, in noise prediction; two calls per step.

    u   a share r of the way from t to s in log-SNR, x_u the DDIM step
    x_s = alpha_s/alpha_t x_t - sigma_s (e^h - 1) (eps_t + (eps_u - eps_t) / (2 r))

r = 1/2, the midpoint, is also the «DPM-Solver-2» sampler of Karras et al. (2022, sec. 3) without churn. The steps from
alpha = 0 and to sigma = 0 are DDIM steps of one call.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import between, ddim_weights, ends
from core.samplers._single_step import add, single_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 2
CALLS = 2


def dpm_2(
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
        raise ValueError(f"dpm_2: r must lie in (0, 1), got {r}")
    t, s = times[:-1], times[1:]
    u = between(schedule, t, s, r)
    one, zero = torch.ones_like(t), torch.zeros_like(t)
    at_u, direct = ddim_weights(schedule, t, u), ddim_weights(schedule, t, s)
    eps_t = [one / schedule.sigma(t), -schedule.alpha(t) / schedule.sigma(t)]
    alpha, sigma = schedule.alpha(u), schedule.sigma(u)
    eps_u = [at_u[0] / sigma, at_u[1] / sigma, -alpha / sigma]
    on_eps = schedule.sigma(s) - schedule.alpha(s) * schedule.sigma(t) / schedule.alpha(t)  # -sigma_s (e^h - 1)
    final = add(direct, add(eps_u, eps_t, -1.0), on_eps / (2 * r))
    step = single_step(x, [(t, [one, zero]), (u, at_u)], final, direct, ends(schedule, times))
    for i, end in enumerate(s.unbind()):
        x, _ = step(denoise, x, i)
        yield State(end, x)
