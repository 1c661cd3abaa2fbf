"""Ancestral sampling (Ho et al. 2020, algorithm 2) between any two times of any schedule.

    x_s = from_x x_t + from_x0 x0_hat + std z,      z ~ N(0, I),

the posterior q(x_s | x_t, x0) at x0 = x0_hat. The best std lies between two bounds (Ho et al. 2020, sec. 3.2):

    lower^2 = std_{t|s}^2 sigma_s^2 / sigma_t^2     exact for data at one point (the posterior variance)
    upper^2 = std_{t|s}^2 n_s^2 / n_t^2             exact for x0 ~ N(0, I), n^2 = alpha^2 + sigma^2

and `variance` interpolates between their logarithms (Nichol & Dhariwal 2021, eq. 15). On a
variance-preserving schedule n = 1, and upper^2 is their beta_t. A step that lands on sigma = 0 adds no noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.forward import reversal, transition
from core.samplers._sde import clock, draws
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

ORDER = 1


def ddpm(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    variance: float = 0.0,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`variance` 0 is the posterior variance, 1 the upper bound. Raises ValueError outside [0, 1]."""
    if not 0 <= variance <= 1:
        raise ValueError(f"ddpm: variance must lie in [0, 1], got {variance}")
    from_x, from_x0, lower = reversal(schedule, times[1:], times[:-1])
    n = torch.hypot(schedule.alpha(times), schedule.sigma(times))
    upper = transition(schedule, times[1:], times[:-1])[1] * n[1:] / n[:-1]
    std = torch.where(lower > 0, lower ** (1 - variance) * upper**variance, 0.0)
    noisy, draw = draws(schedule, times, on=True), noise_over(randn_like, clock(schedule, times))
    t = times.unbind()
    for i, w in enumerate(per_step(x, from_x, from_x0, std)):
        terms = [x, denoise(x, t[i])]
        x = combine(w, [*terms, draw(x, i)] if i < noisy else terms)
        yield State(t[i + 1], x)
