"""The forward process as a Markov chain, and its exact reversal given x0.

For s < t, with s the cleaner time (Kingma et al. 2021, app. A; Ho et al. 2020, eq. 2 and 7 for the DDPM chain):

    q(x_t | x_s)     = N(scale x_s, std^2),            scale = alpha_t / alpha_s,  std^2 = sigma_t^2 - scale^2 sigma_s^2
    q(x_s | x_t, x0) = N(from_x x_t + from_x0 x0, std_post^2)

Composed over any times, the first gives back the closed form `core.schedule.diffuse`. In DDPM's terms
beta_t = 1 - scale^2.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from core.schedule import Schedule, log_snr
from core.shapes import expand_like
from core.state import RandnLike, State


def transition(schedule: Schedule, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """(scale, std) of q(x_t | x_s), elementwise for s < t; finite at s = 0 and where alpha(t) = 0."""
    ratio = log_snr(schedule, t) - log_snr(schedule, s)  # std^2 = sigma_t^2 (1 - SNR_t / SNR_s), without cancellation
    return schedule.alpha(t) / schedule.alpha(s), schedule.sigma(t) * torch.sqrt(-torch.expm1(ratio))


def reversal(schedule: Schedule, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(from_x, from_x0, std_post) of q(x_s | x_t, x0), elementwise for 0 <= s < t (Ho et al. 2020, eq. 6 and 7)."""
    scale, std = transition(schedule, s, t)
    kept, fresh = schedule.sigma(s) / schedule.sigma(t), std / schedule.sigma(t)
    return scale * kept**2, schedule.alpha(s) * fresh**2, kept * std


def noise_further(schedule: Schedule, x: Tensor, s: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """Draw x_t given x at s < t, both `()` or `(B,)`: one step of the chain, same shape and dtype as x."""
    scale, std = (expand_like(c, x) for c in transition(schedule, s, t))
    return (scale * x + std * eps).to(x.dtype)


def forward_chain(
    schedule: Schedule, x0: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Iterator[State]:
    """Noise x0 step by step through increasing `times` `(n,)`; the first state is x0 itself where times[0] = 0."""
    start = torch.zeros_like(times[:1])
    x = x0
    for s, t in pairwise(torch.cat([start, times])):
        if t > s:
            x = noise_further(schedule, x, s, t, randn_like(x))
        yield State(t, x)
