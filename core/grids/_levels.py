"""Times from noise levels sigma / alpha, and the checks that grids share."""

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


def resampled(knots: Tensor, n: int) -> Tensor:
    """`(n,)` values at equal shares of the way along `knots` `(k,)`, linear in between: the knots themselves at n = k.

    n = 1 gives the first.
    """
    at = torch.linspace(0, len(knots) - 1, n, dtype=torch.float64)
    below = at.floor().clamp_max(max(len(knots) - 2, 0)).long()
    return torch.lerp(knots[below], knots[(below + 1).clamp_max(len(knots) - 1)], at - below)


def falls(values: tuple[float, ...]) -> bool:
    """Whether the values fall strictly and end above 0."""
    return all(a > b for a, b in zip(values, (*values[1:], 0.0), strict=True))
