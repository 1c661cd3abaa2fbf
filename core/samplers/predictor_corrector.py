"""Predictor-corrector (Song et al. 2021b, algorithms 2 and 3): a step of the reverse SDE, then Langevin steps at s.

Predictor: Euler-Maruyama in q = alpha x / sigma^2 on the clock u = SNR, where the reverse SDE is dq = x0_hat du + dW.
That is the ancestral step of `ddpm`, of any size, from alpha = 0 on; in t itself the method is unstable there.

Corrector, with score = (alpha x0_hat - x) / sigma^2 and a step c in units of sigma_s^2:

    x <- x + c sigma_s^2 score + sigma_s sqrt(c / 2) (z_old + z_new)

Song's Langevin step would draw sqrt(2 c) z; averaging two successive draws (Leimkuhler & Matthews 2013, eq. 1.4) leaves
a Gaussian marginal exactly unchanged and takes the bias for others from O(c) to O(c^2). For z_old to be noise that x
already has, the predictor lands at the level sqrt(1 - c / 2) sigma_s and is raised to sigma_s by its share.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._sde import clock, draws
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule, log_snr
from core.state import RandnLike, State, noise_over

ORDER = 1
CALLS = 2


def predictor_corrector(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    corrector_steps: int = 1,
    snr: float | None = None,
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """`corrector_steps` Langevin steps, each one call, after each predictor step that does not land on sigma = 0.

    c = 2 snr^2 as in algorithms 4 and 5, with the expected norms of noise and score in place of their measured ones, so
    that an example does not depend on its batch. Without `snr`, c = (1 - SNR_t / SNR_s) / 2: as long as the step, so
    that more steps do not mean more Langevin. Raises ValueError unless corrector_steps >= 0 and 0 < snr < 1.
    """
    if corrector_steps < 0:
        raise ValueError(f"predictor_corrector: corrector_steps must not be negative, got {corrector_steps}")
    if snr is not None and not 0 < snr < 1:
        raise ValueError(f"predictor_corrector: snr must lie in (0, 1), got {snr}")
    alpha, sigma = schedule.alpha(times[1:]), schedule.sigma(times[1:])
    ratio = torch.exp(-log_snr(schedule, times).diff())  # SNR_t / SNR_s
    c = (1 - ratio) / 2 if snr is None else torch.full_like(ratio, 2 * snr**2)
    share = (c if corrector_steps > 0 else torch.zeros_like(c)) / 2  # of the variance at s, left to z_old
    old = ratio * (1 - share)  # SNR_t over the SNR at the lower level
    from_x = torch.where(old > 0, old * schedule.alpha(times[1:]) / schedule.alpha(times[:-1]), 0.0)
    raised = sigma * torch.sqrt(share)
    predict = per_step(x, from_x, alpha * (1 - old), sigma * torch.sqrt((1 - share) * (1 - old)), raised)
    correct = per_step(x, 1 - c, c * alpha, sigma * torch.sqrt(c / 2), sigma * torch.sqrt(c / 2))
    noisy, draw = draws(schedule, times, on=True), noise_over(randn_like, clock(schedule, times))
    at = times.unbind()
    for i, end in enumerate(at[1:]):
        terms = [x, denoise(x, at[i])]
        if i < noisy:
            terms.append(draw(x, i))
            recent = [randn_like(x)] if corrector_steps > 0 else []
            x = combine(predict[i], terms + recent)
            for _ in range(corrector_steps):
                fresh = randn_like(x)
                x, recent = combine(correct[i], [x, denoise(x, end), *recent, fresh]), [fresh]
        else:
            x = combine(predict[i], terms)
        yield State(end, x)
