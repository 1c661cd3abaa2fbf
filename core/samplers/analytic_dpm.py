"""Ancestral sampling with the optimal variance (Bao et al. 2022a, theorem 1; 2022b for an imperfect mean).

    x_s = from_x x_t + from_x0 x0_hat + std z,      std^2 = std_post^2 + from_x0^2 v(t)

with the mean and std_post of q(x_s | x_t, x0) (`core.forward.reversal`) and v the variance of x0 around x0_hat, per
element: v = E|x0 - x0_hat|^2 / d = (sigma / alpha)^2 (1 - sigma^2 E|score|^2 / d), their eq. 8. `posterior_variance` of
`core.analytic_variance` estimates it on a model. Of all Gaussian steps with that mean and one variance for all
elements, this one has the least Kullback-Leibler divergence. A step that lands on sigma = 0 adds no noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.forward import reversal
from core.samplers._sde import clock, draws
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

ORDER = 1
CALLS = 1


def analytic_dpm(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    variances: tuple[float, ...] | None = None,
    sigma_data: float = 0.5,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`variances`: v at each of `times` but the last. Without them, those of N(mean, sigma_data^2 I), a Gaussian of the
    data's size, v = sigma_data^2 sigma^2 / (alpha^2 sigma_data^2 + sigma^2).

    Raises ValueError unless there is one variance per step, none negative, and sigma_data > 0.
    """
    steps, t = len(times) - 1, times[:-1]
    if variances is None:
        if not sigma_data > 0:
            raise ValueError(f"analytic_dpm: sigma_data must be positive, got {sigma_data}")
        total = (schedule.alpha(t) * sigma_data) ** 2 + schedule.sigma(t) ** 2
        v = (sigma_data * schedule.sigma(t)) ** 2 / total
    elif len(variances) != steps or min(variances) < 0:
        raise ValueError(f"analytic_dpm: needs {steps} variances, one per step and none negative, got {variances}")
    else:
        v = times.new_tensor(variances)
    from_x, from_x0, lower = reversal(schedule, times[1:], t)
    std = torch.sqrt(lower**2 + from_x0**2 * v)
    noisy, draw = draws(schedule, times, on=True), noise_over(randn_like, clock(schedule, times))
    at = times.unbind()
    for i, weights in enumerate(per_step(x, from_x, from_x0, std)):
        terms = [x, denoise(x, at[i])]
        x = combine(weights, [*terms, draw(x, i)] if i < noisy else terms)
        yield State(at[i + 1], x)
