"""Dynamic thresholding (Saharia et al. 2022, sec. 2.3): what guidance drove out of range is scaled back into it."""

import math

import torch
from torch import Tensor

from core.guidance._events import wide
from core.schedule import Denoise
from core.shapes import expand_like


def dynamic_threshold(denoise: Denoise, *, quantile: float = 0.995, limit: float = 1.0) -> Denoise:
    """`clip(x0, -s, s) * limit / s`, s the larger of `limit` and the quantile of |x0| over each example's event.

    For data in [-limit, limit] (the paper: pixels in [-1, 1]); what lies in range is not changed.
    Raises ValueError unless quantile lies in [0, 1] and limit > 0.
    """
    if not 0 <= quantile <= 1 or not limit > 0:
        raise ValueError(
            f"dynamic_threshold: needs quantile in [0, 1] and limit > 0, got quantile {quantile}, limit {limit}"
        )

    def thresholded(x: Tensor, t: Tensor) -> Tensor:
        x0 = wide(denoise(x, t))
        s = expand_like(_quantile(x0.abs().reshape(len(x0), -1), quantile).clamp_min(limit), x0)
        return (torch.minimum(torch.maximum(x0, -s), s) * (limit / s)).to(x.dtype)

    return thresholded


def _quantile(values: Tensor, q: float) -> Tensor:
    """`values.quantile(q, dim=1)`, which torch refuses for more than 2^24 numbers: (B, n) -> (B,)."""
    rank = q * (values.shape[1] - 1)
    top = values.topk(values.shape[1] - math.floor(rank), dim=1).values  # falling: the last is the one of floor(rank)
    return torch.lerp(top[:, -1], top[:, max(top.shape[1] - 2, 0)], rank - math.floor(rank))
