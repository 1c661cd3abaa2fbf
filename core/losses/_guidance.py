"""Classifier-free guidance as a loss trains it into a model: one scale, at all levels of noise or between two."""

from core.guidance.classifier_free import classifier_free
from core.guidance.interval import interval as within
from core.schedule import Denoise, Schedule

Interval = tuple[float, float]
"""(low, high): guidance where low < sigma / alpha <= high, as in `core.guidance.interval`."""


def guided(conditional: Denoise, away: Denoise, schedule: Schedule, scale: float, interval: Interval | None) -> Denoise:
    """away + scale (conditional - away); `conditional` itself outside the interval."""
    whole = classifier_free(conditional, away, scale=scale)
    return whole if interval is None else within(whole, conditional, schedule, low=interval[0], high=interval[1])


def check_guidance(name: str, scale: float, interval: Interval | None) -> None:
    """Raises ValueError for a negative scale, and unless 0 <= low < high."""
    if not scale >= 0:
        raise ValueError(f"{name}: scale must not be negative, got {scale:g}")
    if interval is not None and not (len(interval) == 2 and 0 <= interval[0] < interval[1]):
        raise ValueError(f"{name}: interval must be [low, high] with 0 <= low < high, got {list(interval)}")
