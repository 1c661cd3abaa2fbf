"""Time grids optimised for a given denoiser: the best of all grids through a table of candidate noise levels.

    align(denoise, schedule, x0, steps, cost=path_divergence | flow_error)

A cost says what a step from one candidate to another loses; costs of steps add up, so the best grid is a shortest path
of `steps` steps. Dynamic programming finds it for all pairs at once, where Sabour et al. 2024 search one time after the
other: the grid is their optimum within the candidates, and cannot stick in a lesser one.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from core.grids._levels import times_of, top_level
from core.schedule import Denoise, Schedule, transport
from core.schedules.edm import EDM
from core.state import RandnLike

Cost = Callable[[Denoise, Tensor, Tensor, RandnLike], Tensor]
"""`cost(denoise, x0, levels (M,), randn_like) -> (M, M)`: of a step from levels[j] to levels[k] for j < k, levels
falling; `denoise` takes x = x0 + level eps and the level for t."""


def align(
    denoise: Denoise,
    schedule: Schedule,
    x0: Tensor,
    steps: int,
    *,
    cost: Cost,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    candidates: int = 128,
    randn_like: RandnLike = torch.randn_like,
) -> Tensor:
    """`(steps + 1,)` times from t_max to 0, float64 on the CPU: the grid of least total `cost`.

    x0 `(B, *event)` is data, or samples of the model; some hundred examples do. The grid goes from sigma_max to
    sigma_min (levels, as in `core.grids.karras`) through a choice of `candidates` levels that are equally spaced in
    log-SNR, and then to 0, a step that no grid can choose. Take sigma_min no lower than the data need: what lies below
    the finest detail costs steps. Some multiples of `candidates` calls of the model.
    Raises ValueError unless 1 <= steps <= candidates and 0 < sigma_min < the start.
    """
    top = top_level(schedule, sigma_max)
    if not 1 <= steps <= candidates or not 0 < sigma_min < top:
        raise ValueError(
            f"align: needs 1 <= steps <= candidates and 0 < sigma_min < {top:.4g}, "
            f"got steps {steps}, candidates {candidates}, sigma_min {sigma_min}, sigma_max {sigma_max}"
        )
    log_levels = torch.linspace(math.log(top), math.log(sigma_min), candidates, dtype=torch.float64)
    if steps == 1:
        return times_of(schedule, log_levels[:1])
    costs = cost(transport(denoise, schedule, EDM(t_max=top)), x0, log_levels.exp(), randn_like)
    return times_of(schedule, log_levels[shortest_path(costs, steps)])


def shortest_path(costs: Tensor, n: int) -> list[int]:
    """The n >= 2 indices 0 < ... < M - 1 over which costs[i, next i] add up to the least; costs (M, M)."""
    m = len(costs)
    later = torch.ones(m, m, dtype=torch.bool).triu(1)
    steps = torch.where(later, costs.double().cpu(), math.inf)
    best = torch.full((m,), math.inf, dtype=torch.float64)
    best[0] = 0
    came_from = []
    for _ in range(n - 1):
        best, origin = (best[:, None] + steps).min(0)
        came_from.append(origin.tolist())
    path = [m - 1]
    for origin in reversed(came_from):
        path.append(origin[path[-1]])
    return path[::-1]


def path_divergence(denoise: Denoise, x0: Tensor, levels: Tensor, randn_like: RandnLike) -> Tensor:
    """What the step adds to the Kullback-Leibler divergence, in nats, of the sampler's random path from the true one
    (the KLUB of Sabour et al. 2024, sec. 3), for samplers that draw noise and hold x0_hat over a step:

        integral from level k to level j of E || D(x_u, u) - D(x_j, level j) ||^2 u^-3 du

    with x_u and x_j on one path of the forward process. It bounds what samples lose; it does not bound the error of a
    deterministic sampler against the flow, for which `flow_error` is made.
    """
    rising = levels.flip(0)
    steps = torch.cat([rising[:1] ** 2, (rising**2).diff()]).sqrt()
    x, answers = x0, []
    for level, step in zip(rising, steps, strict=True):
        x = x + step * randn_like(x)
        answers.append(denoise(x, level).detach().reshape(-1))
    d = torch.stack(answers[::-1]).double()
    square = torch.cdist(d, d, compute_mode="donot_use_mm_for_euclid_dist") ** 2 / len(x0)
    rate = square * levels.to(square)[:, None] ** -2  # per unit of ln u: row u, column j
    width = -levels.to(square).log().diff()[:, None]
    total = torch.cat([rate.new_zeros(1, len(rate)), ((rate[1:] + rate[:-1]) / 2 * width).cumsum(0)])
    return (total - total.diagonal()).T


def flow_error(denoise: Denoise, x0: Tensor, levels: Tensor, randn_like: RandnLike) -> Tensor:
    """What the step adds to the final error of a deterministic sampler, root mean square over examples, in units of x0:

        sqrt E (g_k . (x_k - DDIM's step from x_j to level k))^2

    x_j, x_k lie on one trajectory of the flow, and g_k carries a random direction of the final x0 back to level k by
    reverse differentiation: to first order, the error that the step leaves at the end. The local error is that of the
    first-order step; the grid also serves `dpmpp_2m`, and not methods of several calls a step (`heun`).
    """
    with torch.inference_mode(False), torch.enable_grad():
        x = x0.detach().clone() + levels[0] * randn_like(x0)
        xs, answers = _trajectory(denoise, x, levels)
        carried = _carried_back(denoise, xs, levels, torch.sign(randn_like(x)))
    rows = []
    for j, level in enumerate(levels):
        ratio = (levels / level).to(xs).reshape(-1, *[1] * x.ndim)
        gap = (ratio * xs[j] + (1 - ratio) * answers[j] - xs) * carried
        rows.append(gap.reshape(len(levels), len(x), -1).sum(-1).square().mean(1).sqrt())
    return torch.stack(rows)


def _trajectory(denoise: Denoise, x: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """x and x0_hat at each level, both (M, B, *event), along the flow from x, by Heun's method."""
    xs, answers = [x], [denoise(x, levels[0]).detach()]
    for a, b in pairwise(levels):
        slope = (xs[-1] - answers[-1]) / a
        ahead = xs[-1] + (b - a) * slope
        slope = (slope + (ahead - denoise(ahead, b).detach()) / b) / 2
        xs.append(xs[-1] + (b - a) * slope)
        answers.append(denoise(xs[-1], b).detach())
    return torch.stack(xs), torch.stack(answers)


def _carried_back(denoise: Denoise, xs: Tensor, levels: Tensor, direction: Tensor) -> Tensor:
    """g_k = (d final x0 / d x_k)^T direction for each level, (M, B, *event), through DDIM's steps of the table."""
    carried = []
    ratios = torch.cat([levels[1:] / levels[:-1], levels.new_zeros(1)])
    for x, level, ratio in zip(xs.flip(0), levels.flip(0), ratios.flip(0), strict=True):
        at = x.clone().requires_grad_()
        step = ratio * at + (1 - ratio) * denoise(at, level)
        direction = torch.autograd.grad(step, at, direction)[0]
        carried.append(direction)
    return torch.stack(carried[::-1])
