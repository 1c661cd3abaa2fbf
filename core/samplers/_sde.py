"""The reverse-time SDEs that share the marginals of the schedule, in half the log-SNR, l = log(alpha / sigma).

    d(x / sigma) = [(1 + tau^2) e^l x0_hat - tau^2 x / sigma] dl + sqrt(2) tau dW

tau = 0 is the probability-flow ODE, tau = 1 the reversal of the forward process (Xue et al. 2023, sec. 4). With x0_hat
frozen, a step of length h = l_s - l_t is exact (their sec. 4):

    x_s = sigma_s / sigma_t e^(-tau^2 h) x_t + alpha_s (1 - e^(-(1 + tau^2) h)) x0_hat + std z
    std^2 = sigma_s^2 (1 - e^(-2 tau^2 h))

and z is the increment of one Brownian motion on the clock SNR^(tau^2), for any step.
"""

import torch
from torch import Tensor

from core.samplers._exponential import half_log_snr
from core.samplers._multistep import adams, latest
from core.samplers._steps import vanishes
from core.schedule import Schedule, log_snr


def clock(schedule: Schedule, times: Tensor, intensity: float = 1.0) -> Tensor:
    """SNR^intensity at `times` (n,), which rises along them; `intensity` is tau^2."""
    return torch.exp(intensity * log_snr(schedule, times))


def draws(schedule: Schedule, times: Tensor, *, on: bool) -> int:
    """How many of the steps draw noise: all where it is `on`, but for the one that lands on sigma = 0."""
    return len(times) - 1 - vanishes(schedule.sigma(times[-1])) if on else 0


def frozen(schedule: Schedule, times: Tensor, intensity: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """(from_x, from_x0, std), each (n,), of the exact steps between `times` (n + 1,) with x0_hat frozen.

    `intensity` is tau^2, a number or one per step. Steps from alpha = 0 and to sigma = 0 are the limits.
    """
    sigma, h = schedule.sigma(times), half_log_snr(schedule, times).diff()
    tau2 = torch.as_tensor(intensity, dtype=times.dtype, device=times.device)
    drawn = torch.where(tau2 > 0, tau2 * h, 0.0)  # 0 inf = 0: without noise, none of the old noise is replaced
    from_x = sigma[1:] / sigma[:-1] * torch.exp(-drawn)
    from_x0 = -schedule.alpha(times[1:]) * torch.expm1(-(h + drawn))
    return from_x, from_x0, sigma[1:] * torch.sqrt(-torch.expm1(-2 * drawn))


def ancestral(schedule: Schedule, t: Tensor, s: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """(down, scale, std), each (n,): step from t past s to `down`, then back to s by a step of the forward chain,

        x_s = scale x_down + std z,   std = eta std of q(x_s | x_t, x0),   level_down^2 = level_s^2 - (std / alpha_s)^2

    with level = sigma / alpha: the steps «down» and «up» of k-diffusion's ancestral samplers, in closed form on any
    schedule. `eta` 0 steps to s itself.
    """
    fresh = _fresh(schedule, t, s, eta)
    down = schedule.time(log_snr(schedule, s) - torch.log1p(-fresh)) if eta > 0 else s
    return down, schedule.alpha(s) / schedule.alpha(down), schedule.sigma(s) * torch.sqrt(fresh)


def straight(schedule: Schedule, t: Tensor, s: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """(from_x, from_x0, std), each (n,), of a step of DDIM from t to s (Song et al. 2021a, eq. 12): `ancestral` with
    x0_hat frozen on the way down."""
    fresh, sigma = _fresh(schedule, t, s, eta), schedule.sigma(s)
    from_x = sigma * torch.sqrt(1 - fresh) / schedule.sigma(t)
    return from_x, schedule.alpha(s) - from_x * schedule.alpha(t), sigma * torch.sqrt(fresh)


def _fresh(schedule: Schedule, t: Tensor, s: Tensor, eta: float) -> Tensor:
    """The share of the variance of the noise at s that is drawn afresh (Song et al. 2021a, eq. 16)."""
    return -(eta**2) * torch.expm1(log_snr(schedule, t) - log_snr(schedule, s))


def exact(schedule: Schedule, times: Tensor, intensity: Tensor | float, order: int, *, ahead: bool = False) -> Tensor:
    """(order, steps): the weights of the latest `order` x0_hat in x_s, newest first, where x0_hat is the polynomial
    through them in l, and of the one at s before them where `ahead` (Xue et al. 2023, sec. 5).

    They sum to `from_x0` of `frozen`. A step from alpha = 0 or to sigma = 0 takes the newest alone.
    """
    half, (_, from_x0, _) = half_log_snr(schedule, times), frozen(schedule, times, intensity)
    nodes, rate = latest(half, order - ahead) if order > ahead else half.new_empty(0, len(half) - 1), 1 + intensity
    if ahead:
        nodes = torch.cat([half[None, 1:], nodes])
    smooth = adams(nodes, half, lambda at: rate * torch.exp(rate * (at - half[1:])))
    newest = (torch.arange(order) == 0).to(half)[:, None] * from_x0
    return torch.where(half.diff().isfinite(), schedule.alpha(times[1:]) * smooth, newest)
