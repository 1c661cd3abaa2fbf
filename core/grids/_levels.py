"""Times from noise levels sigma / alpha: what `karras` and `log_snr` share."""

import torch
from torch import Tensor

from core.schedule import Schedule, log_snr


def top_level(schedule: Schedule, sigma_max: float) -> float:
    """The level at which the spacing starts: sigma_max, or that of t_max where that is lower."""
    end = torch.tensor(schedule.t_max, dtype=torch.float64)
    return min(sigma_max, float(torch.exp(-log_snr(schedule, end) / 2)))


def times_of(schedule: Schedule, log_levels: Tensor) -> Tensor:
    """The times of falling ln(sigma / alpha), with t_max in place of the first and 0 after the last."""
    times = schedule.time(-2 * log_levels)
    times[0] = schedule.t_max
    return torch.cat([times, times.new_zeros(1)])
