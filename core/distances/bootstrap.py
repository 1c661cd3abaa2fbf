"""How far a statistic would move over other samples of the same size (Efron 1979).

    theta*_r = statistic of n rows drawn with replacement,    low, high = theta - q(theta* - mean theta*)

the basic interval (Davison & Hinkley 1997, eq. 5.6) about the estimate itself: deviations are taken from their own
mean, since statistics such as Fréchet distances are larger on resampled rows, whose repetitions look like fewer rows.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def bootstrap(
    statistic: Callable[[Tensor], float],
    rows: Tensor,
    *,
    generator: torch.Generator,
    value: float | None = None,
    resamples: int = 200,
    level: float = 0.95,
    count: int | None = None,
) -> tuple[float, float]:
    """The interval of `statistic` over rows (n, ...), about `value`, by default that of the rows themselves.

    count: examples that `value` was made from where only n of them were kept: deviations shrink by sqrt(n / count).
    Raises ValueError unless there are rows, at least two resamples, and 0 < level < 1.
    """
    if not len(rows) or resamples < 2 or not 0 < level < 1:
        raise ValueError(f"bootstrap: got {len(rows)} rows, resamples {resamples} and level {level}")
    draws = [torch.randint(len(rows), (len(rows),), generator=generator) for _ in range(resamples)]
    found = torch.tensor([statistic(rows[draw]) for draw in draws], dtype=torch.float64)
    value = statistic(rows) if value is None else value
    return _about(value, found, level, (len(rows) / count) ** 0.5 if count else 1.0)


def mean_interval(
    values: Tensor, *, generator: torch.Generator, resamples: int = 200, level: float = 0.95
) -> tuple[float, float]:
    """The percentile interval of the mean of numbers (n,): between the least and the largest of them."""
    values = values.to(torch.float64)
    draws = torch.randint(len(values), (resamples, len(values)), generator=generator)
    low, high = values[draws].mean(1).quantile(_ends(level)).tolist()
    return low, high


def _about(value: float, found: Tensor, level: float, shrink: float) -> tuple[float, float]:
    low, high = ((found - found.mean()) * shrink).quantile(_ends(level)).tolist()
    return value - high, value - low


def _ends(level: float) -> Tensor:
    return torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
