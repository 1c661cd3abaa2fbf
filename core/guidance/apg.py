"""Adaptive projected guidance (Sadat et al. 2024): guidance without the part that over-saturates.

    gap = conditional - unconditional;  gap <- gap + momentum * (gap of the step before)
    gap <- gap * min(1, norm_threshold / ||gap||)
    x0_hat = conditional + (scale - 1) (orthogonal + eta * parallel)        the parts of gap along x0_hat of conditional

With eta = 1, no momentum and no threshold it is classifier-free guidance.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core.guidance._events import inner, wide
from core.schedule import Denoise
from core.shapes import expand_like


def apg(
    conditional: Denoise,
    unconditional: Denoise,
    *,
    scale: float,
    eta: float = 0.0,
    norm_threshold: float | None = None,
    momentum: float = 0.0,
) -> Denoise:
    """x0_hat of shape (B, *event). Scale 1 is off, as in `classifier_free`; the norm is over an example's event.

    The paper's momentum is negative, -0.75 to -0.25, and its threshold 2.5 to 15. Momentum runs over the calls of the
    sampler: make a new denoiser for each run. One that is used again begins anew at the time of its first call.
    Raises ValueError for a norm_threshold that is not positive, and unless -1 < momentum < 1.
    """
    if norm_threshold is not None and not norm_threshold > 0:
        raise ValueError(f"apg: norm_threshold must be positive, or None for none, got {norm_threshold}")
    if not -1 < momentum < 1:
        raise ValueError(f"apg: momentum must lie between -1 and 1, got {momentum}")
    if scale == 1:
        return conditional
    accumulated = _accumulator(momentum)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        x0 = wide(conditional(x, t))
        gap = accumulated(x0 - wide(unconditional(x, t)), t)
        if norm_threshold is not None:
            gap = gap * (norm_threshold / inner(gap, gap).sqrt()).clamp_max(1)
        parallel = inner(gap, x0) / inner(x0, x0).clamp_min(torch.finfo(x0.dtype).tiny) * x0
        return (x0 + (scale - 1) * (gap - (1 - eta) * parallel)).to(x.dtype)

    return denoise


def _accumulator(momentum: float) -> Callable[[Tensor, Tensor], Tensor]:
    """(gap, t) -> gap + momentum * (its last answer), begun anew by a call at the first call's time or above.

    The comparison stays a tensor, so no time is fetched from a device.
    """
    last: Tensor | None = None
    first: Tensor | None = None

    def accumulated(gap: Tensor, t: Tensor) -> Tensor:
        nonlocal last, first
        if momentum == 0:
            return gap
        if first is None or last is None or (last.shape, last.device) != (gap.shape, gap.device):
            first, last = t, gap
        else:
            last = gap + momentum * expand_like((t < first).to(gap.dtype), gap) * last
            first = torch.maximum(first, t)
        return last

    return accumulated
