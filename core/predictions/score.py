"""The score of q(x_t | x0), whose regression is the score of the data under noise (Song et al. 2021b, eq. 7).

The one target without unit variance: it grows as 1 / sigma. Says nothing about x0 where alpha = 0. Where sigma = 0 the
score is infinite, and here it is the largest number that keeps x0 = (x_t + sigma^2 score) / alpha finite: x_t itself.
"""

import torch
from torch import Tensor


def score(alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """target = -eps / sigma = -(x_t - alpha x0) / sigma^2."""
    return torch.zeros_like(alpha), -1 / sigma.clamp_min(torch.finfo(sigma.dtype).tiny)
