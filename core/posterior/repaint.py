"""RePaint (Lugmayr et al. 2022, algorithm 1): after each step the known part is put in, noised to the new time,

    x_s  <-  x_s + A^+ (A (alpha(s) A^+ y + sigma(s) z) - A x_s),

and every `jump` steps are taken `repeats` times: all but the last time, x is noised again to where they began, so that
the unknown part can come into agreement with the known one. y is taken as exact: its noise is copied.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.forward import noise_further
from core.measurement import Measurement, linear, project
from core.posterior._parts import stepper
from core.sampling import Sampler
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State


def repaint(sampler: Sampler, measurement: Measurement, *, jump: int = 1, repeats: int = 10) -> Sampler:
    """A sampler of x0 given `measurement`, of a linear operator. It calls the sampler `repeats` times as often.

    States are those of the last time through. The paper takes jump = repeats = 10 on 250 steps of `ddpm`.
    Raises ValueError for another operator, or jump or repeats below 1.
    """
    operator = linear(measurement.operator, "repaint")
    if jump < 1 or repeats < 1:
        raise ValueError(f"repaint: jump and repeats must be at least 1, got {jump} and {repeats}")

    def run(
        denoise: Denoise,
        schedule: Schedule,
        x: Tensor,
        times: Tensor,
        *,
        randn_like: RandnLike = torch.randn_like,
        **options: Any,
    ) -> Iterator[State]:
        step = stepper(sampler, denoise, schedule, times, randn_like=randn_like, **options)
        alpha, sigma = schedule.alpha(times), schedule.sigma(times)
        steps = len(times) - 1
        for first in range(0, steps, jump):
            block = range(first, min(first + jump, steps))
            for repeat in range(repeats):
                for i in block:
                    noise = sigma[i + 1] * operator(randn_like(x))
                    x = project(operator, step(x, i), (alpha[i + 1] * measurement.y + noise).to(x.dtype))
                    if repeat == repeats - 1:
                        yield State(times[i + 1], x)
                if repeat < repeats - 1:
                    x = noise_further(schedule, x, times[block[-1] + 1], times[first], randn_like(x))

    return run
