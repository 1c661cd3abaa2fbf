"""DPM-Solver++(2M) on the reverse SDE (Lu et al. 2022b, sec. 5; k-diffusion for eta): multistep, one call per step.

    x_s = sigma_s / sigma_t e^(-eta h) x_t + alpha_s (1 - e^(-(1 + eta) h)) ahead + sigma_s sqrt(1 - e^(-2 eta h)) z
    ahead = x0_hat + h / (2 h_previous) (x0_hat - previous)                          h is the step in half the log-SNR

for `form` «midpoint»; «heun» weighs the difference by the exact integral of a straight line instead. eta = tau^2 of
`core.samplers._sde`: 0 is `dpmpp_2m`, 1 the reversal of the forward process, more draws more.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import half_log_snr
from core.samplers._sde import clock, draws, exact, frozen
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

ORDER = 2
CALLS = 1


def dpmpp_2m_sde(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    eta: float = 1.0,
    form: str = "midpoint",
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """The first step, and one that lands on sigma = 0, are first order.

    Raises ValueError for eta < 0 and for a `form` other than midpoint and heun.
    """
    if not eta >= 0:
        raise ValueError(f"dpmpp_2m_sde: eta must not be negative, got {eta}")
    if form not in ("midpoint", "heun"):
        raise ValueError(f"dpmpp_2m_sde: form must be midpoint or heun, got {form!r}")
    h, (from_x, from_x0, std) = half_log_snr(schedule, times).diff(), frozen(schedule, times, eta)
    if form == "heun":
        earlier = exact(schedule, times, eta, 2)[1]
    else:
        ratio = h / torch.cat([h.new_full((1,), torch.inf), h[:-1]])  # 0 where there is no step before, or an infinite
        earlier = torch.where(h.isfinite(), -from_x0 * ratio / 2, 0.0)
    noisy, draw = draws(schedule, times, on=eta > 0), noise_over(randn_like, clock(schedule, times, eta))
    at = times.unbind()
    previous = torch.zeros_like(x)
    for i, weights in enumerate(per_step(x, from_x, from_x0 - earlier, earlier, std)):
        terms = [x, denoise(x, at[i]), previous]
        x, previous = combine(weights, [*terms, draw(x, i)] if i < noisy else terms), terms[1]
        yield State(at[i + 1], x)
