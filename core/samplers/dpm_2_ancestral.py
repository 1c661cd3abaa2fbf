"""Ancestral DPM-Solver-2: its midpoint step past s, then noise up to s (a name of k-diffusion).

    x_m    = alpha_m x0_hat + sigma_m eps_hat                           half-way from t to t_down in log-SNR
    x_down = alpha_d / alpha_t x_t - sigma_d (e^h - 1) eps_hat(x_m)     DPM-Solver-2 (Lu et al. 2022a, algorithm 1)
    x_s    = scale x_down + std z,          std = eta std of q(x_s | x_t, x0)

eta = 0 is `dpm_2`. Two calls per step; a step from alpha = 0, and one onto sigma = 0, has no midpoint: DDIM, one call.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import between, ddim_weights, ends
from core.samplers._sde import ancestral, clock, draws
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

ORDER = 2
CALLS = 2


def dpm_2_ancestral(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    eta: float = 1.0,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`eta` in [0, 1] is the share of the posterior's noise that is drawn afresh; ValueError outside."""
    if not 0 <= eta <= 1:
        raise ValueError(f"dpm_2_ancestral: eta must lie in [0, 1], got {eta}")
    t = times[:-1]
    down, scale, std = ancestral(schedule, t, times[1:], eta)
    middle = between(schedule, t, down, 0.5)
    alpha_m, sigma_m = schedule.alpha(middle), schedule.sigma(middle)
    on_eps = schedule.sigma(down) - schedule.alpha(down) * schedule.sigma(t) / schedule.alpha(t)  # -sigma_d (e^h - 1)
    full = schedule.alpha(down) / schedule.alpha(t), on_eps / sigma_m, -on_eps * alpha_m / sigma_m
    inner = per_step(x, *ddim_weights(schedule, t, middle))
    outer = per_step(x, *(scale * weight for weight in full), std)
    direct = per_step(x, *(scale * weight for weight in ddim_weights(schedule, t, down)), std)
    noisy, draw = draws(schedule, times, on=eta > 0), noise_over(randn_like, clock(schedule, times, eta**2))
    single, at, at_middle = ends(schedule, times), times.unbind(), middle.unbind()
    for i, end in enumerate(at[1:]):
        x0, weights = denoise(x, at[i]), direct[i]
        terms = [x, x0]
        if i not in single:
            y, weights = combine(inner[i], terms), outer[i]
            terms = [x, y, denoise(y, at_middle[i])]
        x = combine(weights, [*terms, draw(x, i)] if i < noisy else terms)
        yield State(end, x)
