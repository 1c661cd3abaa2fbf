"""What solvers share: another denoiser under the same sampler, one step of it, and gradients through a denoiser."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from core.sampling import Sampler, last
from core.schedule import Denoise, Schedule
from core.state import State

Step = Callable[[Tensor, int], Tensor]
"""`step(x, i)`: x at times[i] to x at times[i + 1]."""


def conditioned(sampler: Sampler, given: Callable[[Denoise, Schedule], Denoise]) -> Sampler:
    """`sampler`, run on the denoiser that `given` makes of the one it is called with."""

    def run(denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, **options: Any) -> Iterator[State]:
        return sampler(given(denoise, schedule), schedule, x, times, **options)

    return run


def stepper(sampler: Sampler, denoise: Denoise, schedule: Schedule, times: Tensor, **options: Any) -> Step:
    """The steps of `sampler`, one at a time."""
    pairs = list(pairwise(times))

    def step(x: Tensor, i: int) -> Tensor:
        return last(sampler(denoise, schedule, x, torch.stack(pairs[i]), **options))

    return step


def with_gradient(denoise: Denoise, x: Tensor, t: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """x0_hat (B, *event) and v -> (d x0_hat / dx)^T v, also where the caller runs under no_grad or inference mode.

    Raises ValueError where the denoiser itself cuts the gradient.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x, t = x.clone().detach().requires_grad_(), t.clone()  # an inference tensor stays one outside; its copy is not
        x0 = denoise(x, t)
    if not x0.requires_grad:
        raise ValueError("the denoiser gives no gradient with respect to x: it must not run under no_grad itself")

    def pull_back(v: Tensor) -> Tensor:
        with torch.inference_mode(False):
            return torch.autograd.grad(x0, x, v.to(x0.dtype).clone(), retain_graph=True)[0]

    return x0.detach(), pull_back


def wide_scales(schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma in float32 or better, of the shape of t."""
    t = t.to(torch.promote_types(t.dtype, torch.float32))
    return schedule.alpha(t), schedule.sigma(t)


def prior_variance(alpha: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """Var[x0 | x_t] of x0 ~ N(., sigma_data^2 I): sigma^2 sigma_data^2 / (alpha^2 sigma_data^2 + sigma^2)."""
    return (sigma * sigma_data) ** 2 / ((alpha * sigma_data) ** 2 + sigma**2)


def derivative_counts(alpha: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """Where sigma / alpha < 1000 sigma_data. Beyond, x says next to nothing of x0 and d x0_hat / dx, of order alpha for
    an exact denoiser, is for a network mostly error, which sigma^2 / alpha would make all there is."""
    return sigma < 1000 * sigma_data * alpha


def check_sigma_data(name: str, sigma_data: float) -> None:
    if not sigma_data > 0:
        raise ValueError(f"{name}: sigma_data must be positive, got {sigma_data}")
