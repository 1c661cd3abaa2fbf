"""Ancestral Euler: a step of Euler past s, then noise up to s (a name of k-diffusion).

    x_down = Euler on the probability-flow ODE, in the time of the schedule, from t to t_down <= s
    x_s    = scale x_down + std z,          std = eta std of q(x_s | x_t, x0)

On EDM this is DDIM with the same eta, and with eta = 1 the ancestral step of DDPM; elsewhere it differs from them as
`euler` does from DDIM. eta = 0 is `euler`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._sde import ancestral, clock, draws
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule, velocity_weights
from core.state import RandnLike, State, noise_over

ORDER = 1
CALLS = 1


def euler_ancestral(
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
        raise ValueError(f"euler_ancestral: eta must lie in [0, 1], got {eta}")
    t = times[:-1]
    down, scale, std = ancestral(schedule, t, times[1:], eta)
    on_x, on_x0 = velocity_weights(schedule, t)
    onto_clean = schedule.sigma(down) == 0
    from_x = torch.where(onto_clean, 0.0, 1 + (down - t) * on_x)
    from_x0 = torch.where(onto_clean, schedule.alpha(down), (down - t) * on_x0)
    weights = per_step(x, scale * from_x, scale * from_x0, std)
    noisy, draw = draws(schedule, times, on=eta > 0), noise_over(randn_like, clock(schedule, times, eta**2))
    at = times.unbind()
    for i, step in enumerate(weights):
        terms = [x, denoise(x, at[i])]
        x = combine(step, [*terms, draw(x, i)] if i < noisy else terms)
        yield State(at[i + 1], x)
