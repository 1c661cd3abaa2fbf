"""Diffusion posterior sampling (Chung et al. 2023, algorithm 1): a step of the sampler, then one down the gradient,

    x_s  <-  x_s - scale d|y - A(x0_hat(x_t))| / dx_t,

their step size zeta' / |y - A(x0_hat)| on the squared norm, with scale = 2 zeta'. It asks nothing of A but that it is
differentiable. How far it pulls depends on the number of steps and on the size of the signal, so `scale` is to be
tried; no choice makes it exact, not even for a Gaussian.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.measurement import Measurement
from core.posterior._parts import stepper, with_gradient
from core.sampling import Sampler
from core.schedule import Denoise, Schedule
from core.shapes import expand_like
from core.state import State


def dps(sampler: Sampler, measurement: Measurement, *, scale: float = 1.0) -> Sampler:
    """A sampler of x0 given `measurement`, of any operator. The noise of y does not enter. ValueError for scale < 0."""
    if scale < 0:
        raise ValueError(f"dps: scale must not be negative, got {scale}")

    def run(denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, **options: Any) -> Iterator[State]:
        gradients: list[Tensor] = []

        def watched(x: Tensor, t: Tensor) -> Tensor:
            if gradients:  # a second evaluation within the step
                return denoise(x, t)
            x0, pull_back = with_gradient(denoise, x, t)
            gradients.append(pull_back(distance_gradient(measurement, x0)))
            return x0

        step = stepper(sampler, watched, schedule, times, **options)
        for i, s in enumerate(times[1:]):
            gradients.clear()
            x = (step(x, i) - scale * gradients[0]).to(x.dtype)
            yield State(s, x)

    return run


def distance_gradient(measurement: Measurement, x0: Tensor) -> Tensor:
    """d|y - A(x0)| / dx0, of x0's shape, each example's own norm; 0 where y fits."""
    with torch.inference_mode(False), torch.enable_grad():
        x0 = x0.clone().detach().requires_grad_()
        residual = measurement.y.clone() - measurement.operator(x0)
        square = residual.flatten(1).square().sum(1)
        (gradient,) = torch.autograd.grad(square.sum(), x0)
    norm = expand_like(square.detach().sqrt(), x0)
    return (gradient / (2 * norm.clamp_min(torch.finfo(norm.dtype).tiny))).to(x0.dtype)
