"""Ancestral sampling (Ho et al. 2020, algorithm 2) between any two times of any schedule.

    x_s = from_x x_t + from_x0 x0_hat + std z,      z ~ N(0, I),

the posterior q(x_s | x_t, x0) at x0 = x0_hat. The best std lies between the two bounds of `core.reverse` (Ho et al.
2020, sec. 3.2), and `variance` interpolates between their logarithms (Nichol & Dhariwal 2021, eq. 15). A step that
lands on sigma = 0 adds no noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.forward import reversal
from core.reverse import Fraction, bounds
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
    variance: float | Fraction = 0.0,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`variance` 0 is the posterior variance, 1 the upper bound; ValueError for a number outside [0, 1].

    A callable is asked at every (x, t) where noise is drawn, after `denoise`, and answers element by element: see
    `core.learned_variance.Joint`, whose two answers cost one network call.
    """
    fraction = 0.0 if callable(variance) else variance
    if not 0 <= fraction <= 1:
        raise ValueError(f"ddpm: variance must lie in [0, 1], got {variance}")
    from_x, from_x0, _ = reversal(schedule, times[1:], times[:-1])
    lower, upper = bounds(schedule, times[1:], times[:-1])
    std = torch.where(lower > 0, lower ** (1 - fraction) * upper**fraction, 0.0)
    log_ratio = torch.log(upper / lower).to(x.device).unbind()
    noisy, draw = draws(schedule, times, on=True), noise_over(randn_like, clock(schedule, times))
    t = times.unbind()
    for i, w in enumerate(per_step(x, from_x, from_x0, std)):
        terms = [x, denoise(x, t[i])]
        if i < noisy:
            z = draw(x, i)
            terms.append(torch.exp(variance(x, t[i]) * log_ratio[i]) * z if callable(variance) else z)
        x = combine(w, terms)
        yield State(t[i + 1], x)
