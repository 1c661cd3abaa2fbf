"""The time of a log-SNR on any schedule, where there is no closed form: a search that cannot fail, then Newton.

Over y = ln(t_max / t) each round cuts the bracket into 64 and keeps the piece in which the log-SNR falls through the
value; eight rounds leave 3e-12 of the bracket. The two Newton steps that follow square the error twice and carry the
derivatives, of the implicit function: with respect to the log-SNR and to the parameters of a learned schedule.
"""

import math

import torch
from torch import Tensor

from core.schedule import Schedule, log_snr, rates

PIECES, ROUNDS, SLACK = 64, 8, 1e-4


def time_by_search(schedule: Schedule, value: Tensor) -> Tensor:
    """t with log_snr(schedule, t) = value, elementwise and in the dtype of `value`; only alpha and sigma are called.

    0 at +inf; +inf where the schedule ends before (by more than 1e-4 nats) it comes to so much noise. The log-SNR must
    fall strictly, and alpha, sigma must be elementwise.
    """
    end = log_snr(schedule, torch.full_like(value, schedule.t_max))
    inner = torch.arange(1, PIECES, device=value.device, dtype=value.dtype)
    width = -math.log(torch.finfo(value.dtype).tiny)
    low = torch.zeros_like(value)
    for _ in range(ROUNDS):
        width /= PIECES
        nodes = schedule.t_max * torch.exp(-(low[..., None] + width * inner))
        low = low + width * (log_snr(schedule, nodes) < value[..., None]).to(value.dtype).sum(-1)
    t = schedule.t_max * torch.exp(-(low + width / 2))
    for _ in range(2):
        t = (t - _newton_step(schedule, t, value)).clamp(0, schedule.t_max)
    t = torch.where(value == math.inf, torch.zeros_like(t), t)
    return torch.where(value < end - SLACK, torch.full_like(t, math.inf), t)


def _newton_step(schedule: Schedule, t: Tensor, value: Tensor) -> Tensor:
    """(lambda(t) - value) / lambda'(t), or 0 where an end makes it undefined."""
    d_alpha, d_sigma = rates(schedule, t)
    slope = 2 * (d_alpha / schedule.alpha(t) - d_sigma / schedule.sigma(t))
    step = (log_snr(schedule, t) - value) / slope
    return torch.where(step.isnan(), torch.zeros_like(step), step)
