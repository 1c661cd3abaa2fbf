"""One step of the reverse process as a Gaussian: the bounds of its variance, and its distance from the truth.

    p(x_s | x_t) = N(from_x x_t + from_x0 x0_hat, std^2),      std = lower^(1 - f) upper^f

    lower^2 = std_{t|s}^2 sigma_s^2 / sigma_t^2     exact for data at one point (the variance of q(x_s | x_t, x0))
    upper^2 = std_{t|s}^2 n_s^2 / n_t^2             exact for x0 ~ N(0, I), n^2 = alpha^2 + sigma^2

(Ho et al. 2020, sec. 3.2; Nichol & Dhariwal 2021, eq. 15). On a variance-preserving schedule upper^2 is beta_t. The
fraction f is 0 or 1 in Ho et al., and what a network with learned variance puts out, element by element.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core.forward import reversal, transition
from core.schedule import Schedule
from core.shapes import expand_like

Fraction = Callable[[Tensor, Tensor], Tensor]
"""`fraction(x (B, *event), t) -> (B, *event)`: where log std lies between its bounds; 0 is lower, 1 is upper."""


def bounds(schedule: Schedule, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """(lower, upper) standard deviations of x_s given x_t, elementwise for 0 <= s < t; lower is 0 at s = 0."""
    n_s, n_t = (torch.hypot(schedule.alpha(u), schedule.sigma(u)) for u in (s, t))
    return reversal(schedule, s, t)[2], transition(schedule, s, t)[1] * n_s / n_t


def reverse_kl(
    schedule: Schedule, x0: Tensor, x0_hat: Tensor, s: Tensor, t: Tensor, fraction: Tensor | float
) -> Tensor:
    """KL(q(x_s | x_t, x0) || p(x_s | x_t)) of every element in nats, (B, *event) (Ho et al. 2020, eq. 5: L_{t-1}).

    s and t () or (B,), 0 < s < t; fraction a number or (B, *event). With r = upper^2 / lower^2 and the error of the
    mean in units of lower it is [f log r + r^-f (1 + error^2) - 1] / 2.
    """
    lower, upper = bounds(schedule, s, t)
    log_ratio = expand_like(2 * torch.log(upper / lower), x0)
    error = expand_like(reversal(schedule, s, t)[1] / lower, x0) * (x0 - x0_hat)
    return (fraction * log_ratio + torch.exp(-fraction * log_ratio) * (1 + error**2) - 1) / 2
