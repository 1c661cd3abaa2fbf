"""Classifier-free guidance as a loss trains it into a model: one scale, at all levels of noise or between two."""

import torch
from torch import Tensor

from core.schedule import Schedule, log_snr
from core.shapes import expand_like

Interval = tuple[float, float]
"""(low, high): guidance where low < sigma / alpha <= high, as in `core.guidance.interval`."""


def moved(
    away: Tensor, toward: Tensor, schedule: Schedule, t: Tensor, scale: float, interval: Interval | None
) -> Tensor:
    """away + scale (toward - away), (B, *event), at times t (B,); `toward` itself outside the interval."""
    level = torch.exp(-log_snr(schedule, t) / 2)
    low, high = interval or (-1.0, torch.inf)
    scales = torch.where((level > low) & (level <= high), scale, 1.0).to(level.dtype)
    return torch.lerp(away, toward, expand_like(scales, away).to(away.dtype))


def check_guidance(name: str, scale: float, interval: Interval | None) -> None:
    """Raises ValueError for a negative scale, and unless 0 <= low < high."""
    if not scale >= 0:
        raise ValueError(f"{name}: scale must not be negative, got {scale:g}")
    if interval is not None and not (len(interval) == 2 and 0 <= interval[0] < interval[1]):
        raise ValueError(f"{name}: interval must be [low, high] with 0 <= low < high, got {list(interval)}")
