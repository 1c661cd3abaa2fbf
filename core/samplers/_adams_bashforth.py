"""Adams-Bashforth with the weights of equal steps, in noise prediction: what `pndm`, `plms` and `ipndm` share.

    x_s = (alpha_s / alpha_t) x_t + alpha_s (level_s - level_t) sum_j c_j eps_j,      level = sigma / alpha

with eps_j the eps_hat of j steps ago: the DDIM step with an extrapolated eps (Liu et al. 2022b, eq. 11 and 12).
"""

import torch
from torch import Tensor

from core.samplers._multistep import Weights, level, noise_weights
from core.samplers._single_step import SingleStep, add, single_step
from core.schedule import Schedule

WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""c_j of orders 1 to 4 (Bashforth & Adams 1883)."""


def equal_steps(schedule: Schedule, times: Tensor, order: int) -> tuple[Weights, Weights]:
    """(weights, kept) for `multistep`: the order rises from 1 to `order` in the first steps."""
    rows = [WEIGHTS[min(i, order - 1)] for i in range(len(times) - 1)]
    table = torch.tensor([row + (0.0,) * (order - len(row)) for row in rows], dtype=times.dtype, device=times.device)
    return noise_weights(schedule, times, table.mT * level(schedule, times).diff())


def transfers(
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    stages: list[tuple[Tensor, tuple[float, ...]]],
    outer: tuple[float, ...],
    ends: tuple[int, ...],
) -> SingleStep:
    """Runge-Kutta on the same ODE (Liu et al. 2022b, eq. 13).

    `stages` are times (steps,) and the weights of the eps_hat of the earlier stages in the eps that transfers x from
    times[:-1] to there; `outer` are those of the whole step. The steps in `ends` are DDIM steps.
    """
    t, s = times[:-1], times[1:]
    zero = torch.zeros_like(t)
    noises: list[Weights] = []
    inner: list[tuple[Tensor, Weights]] = []

    def transfer(to: Tensor, shares: tuple[float, ...]) -> Weights:
        y: Weights = [schedule.alpha(to) / schedule.alpha(t)]
        for share, eps in zip(shares, noises, strict=True):
            y = add(y, eps, share * schedule.alpha(to) * (level(schedule, to) - level(schedule, t)))
        return y

    for time, shares in stages:
        y = transfer(time, shares)
        inner.append((time, y))
        alpha, sigma = schedule.alpha(time), schedule.sigma(time)
        noises.append([weight / sigma for weight in y] + [zero] * (len(inner) - len(y)) + [-alpha / sigma])
    on_x = schedule.sigma(s) / schedule.sigma(t)
    direct = [on_x, schedule.alpha(s) - on_x * schedule.alpha(t)]
    return single_step(x, inner, transfer(s, outer), direct, ends)
