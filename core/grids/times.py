"""The user's own times."""

import torch
from torch import Tensor

from core.grids._levels import falls, resampled
from core.schedule import Schedule


def times(schedule: Schedule, steps: int, *, times: tuple[float, ...] = ()) -> Tensor:
    """`(steps + 1,)` times from times[0] to 0, float64 on the CPU: `times` as they are and then 0 where there are
    `steps` of them; for another number, linear between them in equal shares of the way. None given is `uniform`.

    Raises ValueError unless steps >= 1 and the times fall strictly within t_max ... 0, which is not named among them.
    """
    given = times or (schedule.t_max,)
    if steps < 1 or not falls(given) or not given[0] <= schedule.t_max:
        raise ValueError(
            f"grid times: needs steps >= 1 and times that fall strictly from at most {schedule.t_max:.4g} to above 0, "
            f"got steps {steps}, times {', '.join(f'{t:.4g}' for t in given)}"
        )
    return resampled(torch.tensor([*given, 0.0], dtype=torch.float64), steps + 1)
