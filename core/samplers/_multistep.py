"""Multistep methods: one call per step, and earlier answers extrapolated.

    x_s = on_x x_t + on_x0 x0_hat + sum_j weight_j past_j,      past_j = the x0_hat or eps_hat of j steps ago

The weights are integrals of the Lagrange polynomials through the latest `order` times, computed for all steps at once.
A time that does not exist (before the first) or is infinite (log-SNR at alpha = 0) is left out of the polynomial.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from core.samplers._exponential import ddim_weights, half_log_snr
from core.samplers._single_step import SingleStep
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import State

Weights = list[Tensor]


def multistep(
    denoise: Denoise, x: Tensor, times: Tensor, weights: Weights, *, kept: Weights, start: SingleStep | None = None
) -> Iterator[State]:
    """`weights` of (x, x0_hat, past_1, past_2, …) and `kept` of (x, x0_hat) in what a step leaves to later ones, each
    `(steps,)`; an empty `kept` keeps x0_hat itself. `start` takes the steps that it has a table for, the first ones."""
    rows, keep, t = per_step(x, *weights), per_step(x, *kept) if kept else None, times.unbind()
    length = len(weights) - 2
    past: tuple[Tensor, ...] = ()
    for i, row in enumerate(rows):
        if start is not None and i < len(start.final):
            new, x0 = start(denoise, x, i)
        else:
            x0 = denoise(x, t[i])
            new = combine(row, (x, x0, *past))
        if length > 0 and i < len(rows) - 1:
            past = (x0 if keep is None else combine(keep[i], (x, x0)), *past)[:length]
        x = new
        yield State(t[i + 1], x)


def gauss_legendre(n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights `(n,)` on [0, 1] (Golub & Welsch 1969): exact for polynomials of degree 2 n - 1."""
    k = torch.arange(1, n, dtype=like.dtype, device=like.device)
    off = k / torch.sqrt(4 * k**2 - 1)
    node, vector = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return (1 + node) / 2, vector[0] ** 2


def latest(values: Tensor, order: int) -> Tensor:
    """`(order, steps)`: values[i - j] in row j and column i; nan before the first, and where the value is infinite."""
    steps = len(values) - 1
    padded = torch.cat([values.new_full((order - 1,), torch.nan), values[:-1]])
    rows = torch.stack([padded[order - 1 - j : order - 1 - j + steps] for j in range(order)])
    return torch.where(rows.isfinite(), rows, torch.nan)


def lagrange(nodes: Tensor, at: Tensor) -> Tensor:
    """`(order, …, steps)`: the Lagrange polynomials of `nodes` (order, steps) at points `(…, steps)`.

    A node that is nan has the polynomial 0 and no part in the others.
    """
    order, polynomials = len(nodes), []
    for j in range(order):
        value = torch.where(nodes[j].isnan(), 0.0, torch.ones_like(at))
        for k in range(order):
            if k != j:
                factor = (at - nodes[k]) / (nodes[j] - nodes[k])
                value = value * torch.where(factor.isnan(), 1.0, factor)
        polynomials.append(value)
    return torch.stack(polynomials)


def adams(nodes: Tensor, values: Tensor, density: Callable[[Tensor], Tensor]) -> Tensor:
    """`(order, steps)`: the integrals of density(u) times each Lagrange polynomial of `nodes` (order, steps) in u, over
    every step of the falling or rising `values` u `(steps + 1,)`. `density` maps points (q, steps) to that shape."""
    share, weight = gauss_legendre(32, values)
    width = values.diff()
    points = values[:-1] + share[:, None] * width
    integrand = lagrange(nodes, points) * density(points)
    return torch.einsum("q,jqs->js", weight, integrand) * width


def data_weights(schedule: Schedule, times: Tensor, nodes: Tensor) -> Weights:
    """Weights for `multistep` of the ODE in data prediction, exact for x0_hat a polynomial in lam through `nodes`:

        x_s = sigma_s/sigma_t x_t + alpha_s ∫ e^(lam - lam_s) P(lam) dlam,      nodes `(order, steps)` in lam

    (on_x, then one weight per node). From alpha = 0 and to sigma = 0 it is the DDIM step on the first node.
    """
    lam, direct = half_log_snr(schedule, times), ddim_weights(schedule, times[:-1], times[1:])
    exact = schedule.alpha(times[1:]) * adams(nodes, lam, lambda at: torch.exp(at - lam[1:]))
    end = lam.diff().isinf()
    past = torch.where(end, 0.0, exact[1:])
    return [direct[0], torch.where(end, direct[1], exact[0]), *past.unbind()]


def noise_weights(schedule: Schedule, times: Tensor, shares: Tensor) -> tuple[Weights, Weights]:
    """(weights, kept) for `multistep` of the ODE in noise prediction, d(x / alpha) = eps_hat d(sigma / alpha):

        x_s = (alpha_s / alpha_t) x_t + alpha_s sum_j shares[j] eps_j,      shares `(order, steps)` of the level

    The eps of the step itself is written in x and x0_hat. From alpha = 0 and to sigma = 0 it is the DDIM step.
    """
    alpha, sigma = schedule.alpha(times), schedule.sigma(times)
    end = (alpha[:-1] == 0) | (sigma[1:] == 0)
    on_eps = alpha[1:] * torch.where(end, 0.0, shares)
    on_x = torch.where(end, sigma[1:] / sigma[:-1], alpha[1:] / alpha[:-1] + on_eps[0] / sigma[:-1])
    on_x0 = alpha[1:] - on_x * alpha[:-1]
    return [on_x, on_x0, *on_eps[1:].unbind()], [1 / sigma[:-1], -alpha[:-1] / sigma[:-1]]


def level(schedule: Schedule, t: Tensor) -> Tensor:
    """sigma / alpha, elementwise: infinite at alpha = 0."""
    return schedule.sigma(t) / schedule.alpha(t)
