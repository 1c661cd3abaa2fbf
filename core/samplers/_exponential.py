"""What the exponential integrators share (Lu et al. 2022a, 2022b): the ODE solved exactly but for the denoiser.

With lam = ln(alpha / sigma), half the log-SNR, and h = lam_s - lam_t > 0,

    x_s = (sigma_s / sigma_t) x_t + sigma_s ∫ e^lam x0_hat dlam        data prediction (2022b, eq. 8)
        = (alpha_s / alpha_t) x_t - alpha_s ∫ e^-lam eps_hat dlam      noise prediction (2022a, eq. 3.4)

Held constant, either gives the DDIM step, which is also what remains where lam is infinite, at alpha = 0 and sigma = 0.
"""

import torch
from torch import Tensor

from core.samplers._steps import vanishes
from core.schedule import Schedule, log_snr

Weights = list[Tensor]


def half_log_snr(schedule: Schedule, t: Tensor) -> Tensor:
    """lam = ln(alpha / sigma), elementwise; the lambda of Lu et al., half of the project's log-SNR."""
    return log_snr(schedule, t) / 2


def ends(schedule: Schedule, times: Tensor) -> tuple[int, ...]:
    """The steps from alpha = 0 and to sigma = 0, if there are any, where h is infinite."""
    first = (0,) if vanishes(schedule.alpha(times[0])) else ()
    return first + ((len(times) - 2,) if vanishes(schedule.sigma(times[-1])) else ())


def ddim_weights(schedule: Schedule, t: Tensor, s: Tensor) -> Weights:
    """Weights of (x_t, x0_hat) in the DDIM step from t to s, elementwise: finite at both ends."""
    on_x = schedule.sigma(s) / schedule.sigma(t)
    return [on_x, -schedule.alpha(s) * torch.expm1(half_log_snr(schedule, t) - half_log_snr(schedule, s))]


def between(schedule: Schedule, t: Tensor, s: Tensor, r: float) -> Tensor:
    """The time a share r of the way from t to s in log-SNR, elementwise; meaningless where an end is infinite."""
    return schedule.time((1 - r) * log_snr(schedule, t) + r * log_snr(schedule, s))
