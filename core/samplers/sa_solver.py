"""SA-Solver (Xue et al. 2023, algorithm 1): a stochastic Adams predictor and corrector, one call per step.

    predict   x_p = from_x x_t + alpha_s sum_j w_j  x0_hat_j                     + std z      Adams-Bashforth
    correct   x_s = from_x x_t + alpha_s (v_0 x0_hat(x_p, s) + sum_j v_j x0_hat_j) + std z    Adams-Moulton, the same z

with the exact integrals w and v of the polynomial through the latest x0_hat (sec. 5), and from_x, std of
`core.samplers._sde`. tau sets how fast old noise is replaced: tau = 0 is a predictor-corrector for the probability-flow
ODE, 1 the reversal of the forward process. It acts on the steps that start at a level sigma / alpha in [s_min, s_max],
as in their experiments. The published code adds terms of third order to second-order weights «for few steps»,
which are left out here. A step onto sigma = 0 is not corrected; an end elsewhere is, by one call more.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import half_log_snr
from core.samplers._sde import clock, draws, exact, frozen
from core.samplers._steps import combine, per_step, vanishes
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State, noise_over

CALLS = 1
ORDER = 2
"""Of the moments with noise; without, one more than the order of the predictor, at most that of the corrector."""


def sa_solver(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    tau: float = 1.0,
    s_min: float = 0.0,
    s_max: float = math.inf,
    predictor: int = 3,
    corrector: int = 3,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`predictor` 1 to 3 and `corrector` 0 to 3 are the numbers of x0_hat that enter; `corrector` 0 leaves it out.

    Raises ValueError outside, and for a negative tau.
    """
    if not (predictor in (1, 2, 3) and corrector in (0, 1, 2, 3)):
        raise ValueError(f"sa_solver: predictor must be 1 to 3 and corrector 0 to 3, got {predictor} and {corrector}")
    if not tau >= 0:
        raise ValueError(f"sa_solver: tau must not be negative, got {tau}")
    level = torch.exp(-half_log_snr(schedule, times[:-1]))
    intensity = torch.where((level >= s_min) & (level <= s_max), tau**2, 0.0).to(times)
    from_x, _, std = frozen(schedule, times, intensity)
    predicting = per_step(x, from_x, *exact(schedule, times, intensity, predictor), std)
    correcting = per_step(x, from_x, *exact(schedule, times, intensity, max(corrector, 1), ahead=True), std)
    noisy, draw = draws(schedule, times, on=tau > 0), noise_over(randn_like, clock(schedule, times, tau**2))
    clean, at, steps = vanishes(schedule.sigma(times[-1])), times.unbind(), len(times) - 1
    known = [denoise(x, at[0])] + [torch.zeros_like(x)] * (max(predictor, corrector - 1) - 1)
    for i, (predict, correct) in enumerate(zip(predicting, correcting, strict=True)):
        noise = [draw(x, i)] if i < noisy else []
        predicted = combine(predict, [x, *known[:predictor], *noise])
        final = i == steps - 1
        if final and (clean or corrector == 0):
            x = predicted
        else:
            known = [denoise(predicted, at[i + 1]), *known[:-1]]
            x = combine(correct, [x, *known[:corrector], *noise]) if corrector > 0 else predicted
        yield State(at[i + 1], x)
