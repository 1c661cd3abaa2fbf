"""UniPC (Zhao et al. 2023, algorithms 1 to 4, data prediction): a corrector that reuses the call of the predictor.

Both solve the ODE exactly for a polynomial of x0_hat in lam = ln(alpha / sigma), which is what the paper's linear
system for the weights says, whatever its B(h):

    predictor of order p   the polynomial through the latest p answers, at t and before
    corrector of order p   that through the same and the one at s, once the denoiser has been called there

and the corrected x takes the place of the predicted one, whose x0_hat is kept. So a corrector of order p makes the
method one of order p + 1. B(h) decides only where the paper fixes a weight to 1/2 (its app. E): the predictor of order
2 and the corrector of order 1 add

    alpha_s B (m_-1 - m_0) / (2 r),  r = (lam_-1 - lam_t) / h,      and      alpha_s B (m_1 - m_0) / 2,

with B = 1 - e^-h for bh2 and B = h for bh1.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import half_log_snr
from core.samplers._multistep import data_weights, latest
from core.samplers._steps import combine, per_step
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 4


def unipc(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    times: Tensor,
    *,
    order: int = 3,
    variant: str = "bh2",
    randn_like: RandnLike = torch.randn_like,
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. One call per step; the states are the predictions, so the last has no
    corrector. The order rises from 1 to `order`; a step to sigma = 0 is first order.

    Raises ValueError unless order is 1, 2 or 3 and `variant` is bh1 or bh2.
    """
    if order not in (1, 2, 3) or variant not in ("bh1", "bh2"):
        raise ValueError(f"unipc: order must be 1, 2 or 3 and variant bh1 or bh2, got {order} and {variant!r}")
    predictor, corrector = _weights(schedule, times, order, variant)
    predict, correct, t = per_step(x, *predictor), per_step(x, *corrector), times.unbind()
    corrected = x
    past: tuple[Tensor, ...] = ()
    for i, row in enumerate(predict):
        x0 = denoise(x, t[i])
        if i > 0:
            corrected = combine(correct[i - 1], (corrected, x0, *past))
        x = combine(row, (corrected, x0, *past))
        past = (x0, *past)[:order]
        yield State(t[i + 1], x)


def _weights(schedule: Schedule, times: Tensor, order: int, variant: str) -> tuple[list[Tensor], list[Tensor]]:
    """Of (x, m_0, m_-1, …) in the predictor of each step, and of (x, m_1, m_0, m_-1, …) in its corrector."""
    lam = half_log_snr(schedule, times)
    h, nodes = lam.diff(), latest(lam, order)
    on_x, direct = data_weights(schedule, times, nodes[:1])
    half = torch.where(h.isinf() | (variant == "bh2"), direct, schedule.alpha(times[1:]) * h) / 2
    before = torch.cat([h.new_full((1,), torch.inf), h[:-1]])
    tilt = half * torch.where(h.isinf(), 0.0, h / before)
    step = torch.arange(len(h), device=times.device)

    exact = data_weights(schedule, times, nodes)
    filled = [torch.zeros_like(h)] * (order - 2)
    simple = [on_x, direct + tilt, -tilt, *filled] if order > 1 else [on_x, direct]
    predictor = [torch.where(step < 2, a, b) for a, b in zip(simple, exact, strict=True)] if order > 2 else simple

    exact = data_weights(schedule, times, torch.cat([lam[1:][None], nodes]))
    simple = [on_x, half, direct - half, *filled, torch.zeros_like(h)][: order + 2]
    first = (step == 0) | (order == 1)
    return predictor, [torch.where(first, a, b) for a, b in zip(simple, exact, strict=True)]
