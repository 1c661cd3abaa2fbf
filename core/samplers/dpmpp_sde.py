"""DPM-Solver++ on the reverse SDE, single-step (the 2S of Lu et al. 2022b, algorithm 1, with k-diffusion's noise).

    x_m = an ancestral step of DDIM from t to m, at the share r of the step in log-SNR
    x_s = an ancestral step of DDIM from t to s with (1 - 1 / (2 r)) x0_hat + x0_hat(x_m) / (2 r) for x0_hat

The noise of x_m is a part of the noise of x_s: both are increments of one Brownian motion, from t to m and from t to s.
With two independent draws the moments would be of first order only. eta = 0 is `dpmpp_2s`. Two calls per step; a step
from alpha = 0, and one onto sigma = 0, has no midpoint: DDIM, one call.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import between, ends
from core.samplers._sde import clock, draws, straight
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

ORDER = 2
CALLS = 2


def dpmpp_sde(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    eta: float = 1.0,
    r: float = 0.5,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`eta` in [0, 1] is the share of the posterior's noise that is drawn afresh, `r` in (0, 1] the place of the
    second call; ValueError outside."""
    if not 0 <= eta <= 1:
        raise ValueError(f"dpmpp_sde: eta must lie in [0, 1], got {eta}")
    if not 0 < r <= 1:
        raise ValueError(f"dpmpp_sde: r must lie in (0, 1], got {r}")
    t, s = times[:-1], times[1:]
    middle = between(schedule, t, s, r) if r < 1 else s
    u = clock(schedule, torch.cat([torch.stack([t, middle], 1).flatten(), times[-1:]]), eta**2)
    part = (u[1::2] - u[:-1:2]) / (u[2::2] - u[:-1:2])  # of the variance of the noise from t to s, what comes before m
    from_x, from_x0, std = straight(schedule, t, s, eta)
    inner, direct = per_step(x, *straight(schedule, t, middle, eta)), per_step(x, from_x, from_x0, std)
    on_noise = std * torch.sqrt(part), std * torch.sqrt(1 - part)
    outer = per_step(x, from_x, (1 - 1 / (2 * r)) * from_x0, from_x0 / (2 * r), *on_noise)
    noisy, draw = draws(schedule, times, on=eta > 0), noise_over(randn_like, u)
    single, at, at_middle = ends(schedule, times), times.unbind(), middle.unbind()
    for i, end in enumerate(at[1:]):
        x0 = denoise(x, at[i])
        if i in single:  # from alpha = 0 the clock is still 0 at m: all noise comes after it
            weights, terms, noise = direct[i], [x, x0], [draw(x, 2 * i + 1)] if i < noisy else []
        else:
            noise = [draw(x, 2 * i)] if i < noisy else []
            y, weights = combine(inner[i], [x, x0, *noise]), outer[i]
            terms, noise = [x, x0, denoise(y, at_middle[i])], [*noise, draw(x, 2 * i + 1)] if i < noisy else []
        x = combine(weights, terms + noise)
        yield State(end, x)
