"""DiffPIR (Zhu et al. 2023, algorithm 1): after each denoising the best compromise of x0_hat and y,

    x0_y = argmin_x0 |y - A x0|^2 / noise_std^2 + lam / level^2 |x0 - x0_hat|^2,      level = sigma / alpha,

that is x0_hat moved by Kalman's gain for the variance level^2 / lam (eq. 12 and 13). Then, where zeta > 0, that share
of the noise in x_s is drawn anew:

    x_s = alpha x0_y + sigma (sqrt(1 - zeta) eps_y + sqrt(zeta) z).

With the sampler `ddim` these are the paper's steps; any other makes its own x_s before its noise is exchanged.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.measurement import Measurement
from core.posterior._parts import conditioned, stepper, wide_scales
from core.sampling import Sampler
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State


def diffpir(sampler: Sampler, measurement: Measurement, *, lam: float = 1.0, zeta: float = 0.0) -> Sampler:
    """A sampler of x0 given `measurement`, of any operator with `pinv` or `project`; no gradient is taken.

    lam > 0 is the weight of the prior; 1 trusts x0_hat as far as level says, the paper takes 1 to 25. zeta in [0, 1].
    Raises ValueError otherwise.
    """
    if not lam > 0 or not 0 <= zeta <= 1:
        raise ValueError(f"diffpir: needs lam > 0 and zeta in [0, 1], got {lam} and {zeta}")

    def given(denoise: Denoise, schedule: Schedule) -> Denoise:
        def compromise(x: Tensor, t: Tensor) -> Tensor:
            x0 = denoise(x, t)
            alpha, sigma = wide_scales(schedule, t)
            return (x0 + measurement.pull(x0, (sigma / alpha) ** 2 / lam)).to(x.dtype)

        return compromise

    if zeta == 0:
        return conditioned(sampler, given)

    def run(
        denoise: Denoise,
        schedule: Schedule,
        x: Tensor,
        times: Tensor,
        *,
        randn_like: RandnLike = torch.randn_like,
        **options: Any,
    ) -> Iterator[State]:
        answers: list[Tensor] = []
        compromise = given(denoise, schedule)

        def remembered(x: Tensor, t: Tensor) -> Tensor:
            answers.append(compromise(x, t))
            return answers[-1]

        step = stepper(sampler, remembered, schedule, times, randn_like=randn_like, **options)
        alpha, sigma = schedule.alpha(times), schedule.sigma(times)
        for i, s in enumerate(times[1:]):
            answers.clear()
            x = step(x, i)
            clean = alpha[i + 1] * answers[0]
            x = clean + math.sqrt(1 - zeta) * (x - clean) + math.sqrt(zeta) * sigma[i + 1] * randn_like(x)
            yield State(s, x)

    return run
