"""Classifier guidance (Dhariwal & Nichol 2021, sec. 4; Song et al. 2021b, eq. 14): the score plus a classifier's.

    x0_hat + scale (sigma^2 / alpha) d/dx log p(y | x_t),

by Tweedie's formula. At scale 1 and with the exact classifier this is the conditional denoiser.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core.guidance._events import wide
from core.schedule import Denoise, Schedule, scales

LOWEST = -20.0
"""log-SNR below which sigma^2 / alpha d/dx is taken at this one, as 0 / 0 at alpha = 0: an error of e^-10 in level."""


def classifier(
    denoise: Denoise, schedule: Schedule, log_prob: Callable[[Tensor, Tensor], Tensor], *, scale: float = 1.0
) -> Denoise:
    """x0_hat of shape (B, *event). `log_prob(x (B, *event), t) -> (B,)` is log p(y | x_t) in nats, differentiable in x.

    Its gradient is taken under no_grad and inference mode too, and is itself differentiable where x requires grad.
    Scale 0 is off and never calls it.
    """
    if scale == 0:
        return denoise

    def guided(x: Tensor, t: Tensor) -> Tensor:
        asked = torch.minimum(wide(t), schedule.time(torch.full_like(wide(t), LOWEST)))
        alpha, sigma = scales(schedule, asked, x)
        return (denoise(x, t) + scale * sigma**2 / alpha * _gradient(log_prob, x, asked)).to(x.dtype)

    return guided


def _gradient(log_prob: Callable[[Tensor, Tensor], Tensor], x: Tensor, t: Tensor) -> Tensor:
    """d log_prob / dx, of the shape of x."""
    twice = torch.is_grad_enabled() and x.requires_grad
    with torch.inference_mode(False), torch.enable_grad():
        at = x if twice else x.detach().clone().requires_grad_()
        return torch.autograd.grad(log_prob(at, t.clone()).sum(), at, create_graph=twice)[0]
