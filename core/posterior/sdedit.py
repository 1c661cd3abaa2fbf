"""SDEdit (Meng et al. 2022, algorithm 1): noise a guide half way and sample from there.

    x_t = alpha(t) guide + sqrt(sigma(t)^2 - alpha(t)^2 noise_std^2) z,      guide = A^+ y,

with the noise that the guide has already counted in (they take noise_std = 0), so that for A = I and a start where
sigma / alpha = noise_std an ancestral sampler draws from the exact posterior. After the start y is not looked at again.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.measurement import Measurement, project
from core.sampling import Sampler
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State


def sdedit(sampler: Sampler, measurement: Measurement, *, strength: float = 0.5) -> Sampler:
    """A sampler of x0 near a guide, which is y where the operator is `identity`, else the signal nearest 0 that fits.

    strength in [0, 1] is the share of the steps that are taken, the last ones of the grid: 1 is all of them, 0 returns
    the guide. The states before the start are the guide, noised to their times by the same z. x only gives the shape.
    Raises ValueError outside, or for an operator with neither `pinv` nor `project`.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"sdedit: strength must lie in [0, 1], got {strength}")

    def run(
        denoise: Denoise,
        schedule: Schedule,
        x: Tensor,
        times: Tensor,
        *,
        randn_like: RandnLike = torch.randn_like,
        **options: Any,
    ) -> Iterator[State]:
        steps = len(times) - 1
        skipped = steps - math.ceil(round(strength * steps, 6))
        guide = project(measurement.operator, torch.zeros_like(x), measurement.y)
        alpha, sigma = schedule.alpha(times), schedule.sigma(times)
        fresh = (sigma**2 - (alpha * measurement.noise_std) ** 2).clamp_min(0).sqrt()
        z = randn_like(x)
        for i in range(1, skipped + 1):
            yield State(times[i], (alpha[i] * guide + fresh[i] * z).to(x.dtype))
        if skipped < steps:
            start = (alpha[skipped] * guide + fresh[skipped] * z).to(x.dtype)
            yield from sampler(denoise, schedule, start, times[skipped:], randn_like=randn_like, **options)

    return run
