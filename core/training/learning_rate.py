"""The learning rate of a step: a linear warm-up in steps, times a decay over the share of the budget that is used."""

from collections.abc import Callable


def learning_rate(step: int, progress: float, *, base: float, warmup: int, decay: Callable[[float], float]) -> float:
    """Rate for step `step` (from 0) when `progress` in [0, 1] of the budget of steps or minutes has been used."""
    ramp = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    return base * ramp * decay(progress)
