"""Guidance in a limited interval of noise levels (Kynkäänniemi et al. 2024, sec. 3): off outside of it."""

import math

import torch
from torch import Tensor

from core.guidance._choose import choose
from core.guidance._events import wide
from core.schedule import Denoise, Schedule, log_snr


def interval(
    guided: Denoise, conditional: Denoise, schedule: Schedule, *, low: float = 0.0, high: float = math.inf
) -> Denoise:
    """`guided` where low < sigma / alpha <= high, else `conditional`; x0_hat of shape (B, *event).

    At high levels guidance costs variety, at low levels it does nothing but cost: outside, the unconditional model is
    not called (see `_choose`). Raises ValueError unless 0 <= low < high.
    """
    if not 0 <= low < high:
        raise ValueError(f"interval: needs 0 <= low < high, got low {low}, high {high}")

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        level = torch.exp(-log_snr(schedule, wide(t)) / 2)
        return choose((level > low) & (level <= high), guided, conditional, x, t)

    return denoise
