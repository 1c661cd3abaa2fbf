"""Times that fall as a square (Song et al. 2021a, app. D.2: tau_i = c i^2), dense near the data."""

import torch
from torch import Tensor

from core.schedule import Schedule


def quadratic(schedule: Schedule, steps: int, *, power: float = 2.0) -> Tensor:
    """`(steps + 1,)` times t_max (1 - i / steps)^power from t_max to 0, float64 on the CPU.

    In the schedule's own time, continuous where the paper rounds to a table. Power 1 is `uniform`.
    Raises ValueError unless steps >= 1 and power > 0.
    """
    if steps < 1 or not power > 0:
        raise ValueError(f"grid quadratic: needs steps >= 1 and power > 0, got steps {steps}, power {power}")
    return schedule.t_max * torch.linspace(1, 0, steps + 1, dtype=torch.float64) ** power
