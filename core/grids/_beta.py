"""The quantile function of the beta distribution, in torch alone."""

import math

import torch
from torch import Tensor


def beta_quantile(u: Tensor, a: float, b: float) -> Tensor:
    """x with I_x(a, b) = u, elementwise for u in [0, 1], a > 0, b > 0: float64, to a few units of rounding.

    For x <= 1/2 the series of I_x converges at least as 2^-n and has positive terms only; the other half is the
    reflection I_x(a, b) = 1 - I_{1-x}(b, a). Bisection runs on x^a, in which I_x is nearly linear at 0.
    """
    u = u.double()
    half = float(_beta_cdf(torch.tensor([0.5], dtype=torch.float64), a, b))
    low, high = _lower_half(u.clamp_max(half), a, b), 1 - _lower_half((1 - u).clamp_max(1 - half), b, a)
    return torch.where(u <= half, low, high)


def _lower_half(u: Tensor, a: float, b: float) -> Tensor:
    """The quantile where it is at most 1/2."""
    bottom, top = torch.zeros_like(u), torch.full_like(u, 0.5**a)
    for _ in range(60):
        middle = (bottom + top) / 2
        below = _beta_cdf(middle ** (1 / a), a, b) < u
        bottom, top = torch.where(below, middle, bottom), torch.where(below, top, middle)
    return top ** (1 / a) * (u > 0)


def _beta_cdf(x: Tensor, a: float, b: float) -> Tensor:
    """I_x(a, b) for x in [0, 1/2] (DLMF 8.17.8): x^a (1 - x)^b / (a B(a, b)) sum_n (a + b)_n / (a + 1)_n x^n."""
    growth = [1.0]
    for n in range(63 + 4 * math.ceil(b)):
        growth.append(growth[-1] * (a + b + n) / (a + 1 + n))
    series = torch.zeros_like(x)
    for g in reversed(growth):
        series = series * x + g
    front = math.lgamma(a + b) - math.lgamma(a + 1) - math.lgamma(b)
    return math.exp(front) * x**a * (1 - x) ** b * series
