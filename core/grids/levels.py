"""The user's own noise levels sigma / alpha, or a published list, such as those of Sabour et al. 2024.

Another number of steps than levels is interpolated linearly in the logarithm of the level (Sabour et al. 2024).
"""

import torch
from torch import Tensor

from core.grids._levels import falls, resampled, times_of, top_level
from core.schedule import Schedule


def levels(schedule: Schedule, steps: int, *, levels: tuple[float, ...] = (80.0, 0.002)) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU: `levels` as they are and then 0 where there are `steps`
    of them. As in `karras`, a first level above that of t_max counts as that, and the first time is t_max itself.

    Raises ValueError unless steps >= 1 and the levels fall strictly to above 0, the second below the level of t_max.
    """
    top = top_level(schedule, levels[0] if levels else 0.0)
    if steps < 1 or not levels or not falls((top, *levels[1:])) or not falls(levels):
        raise ValueError(
            f"grid levels: needs steps >= 1 and levels that fall strictly to above 0, the second below {top:.4g}, "
            f"got steps {steps}, levels {', '.join(f'{level:.4g}' for level in levels)}"
        )
    return times_of(schedule, resampled(torch.tensor([top, *levels[1:]], dtype=torch.float64).log(), steps))
