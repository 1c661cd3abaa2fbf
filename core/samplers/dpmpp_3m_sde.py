"""DPM-Solver++(3M) on the reverse SDE (Lu et al. 2022b; the name is k-diffusion's): multistep, one call per step.

    x_s = sigma_s / sigma_t e^(-eta h) x_t + alpha_s sum_j w_j x0_hat_j + sigma_s sqrt(1 - e^(-2 eta h)) z

with w the exact integrals of the parabola through the latest three x0_hat (`core.samplers._sde.exact`). k-diffusion
halves its quadratic term (the second divided difference times the weight of a second derivative), and diffusers gives
it a wrong sign: see `tests/core/test_diffusers_stochastic.py`. eta = tau^2 as in `dpmpp_2m_sde`; 0 is `dpmpp_3m`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._sde import clock, draws, exact, frozen
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

CALLS = 1
ORDER = 2
"""Of the moments with noise, and 3 without."""


def dpmpp_3m_sde(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    eta: float = 1.0,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """The orders of the first steps are 1 and 2; one that lands on sigma = 0 is first order. ValueError for eta < 0."""
    if not eta >= 0:
        raise ValueError(f"dpmpp_3m_sde: eta must not be negative, got {eta}")
    from_x, _, std = frozen(schedule, times, eta)
    from_x0 = exact(schedule, times, eta, 3)
    noisy, draw = draws(schedule, times, on=eta > 0), noise_over(randn_like, clock(schedule, times, eta))
    at = times.unbind()
    earlier = [torch.zeros_like(x)] * 2
    for i, weights in enumerate(per_step(x, from_x, *from_x0, std)):
        terms = [x, denoise(x, at[i]), *earlier]
        x, earlier = combine(weights, [*terms, draw(x, i)] if i < noisy else terms), terms[1:3]
        yield State(at[i + 1], x)
