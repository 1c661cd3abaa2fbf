"""The loss that trains a mean and a variance at once (Nichol & Dhariwal 2021, eq. 16).

    L_hybrid = L_simple + weight L_vlb,      L_vlb = steps E_t KL(q(x_s | x_t, x0) || p(x_s | x_t)) / d

L_simple is the denoising loss with any weighting. x0_hat passes into L_vlb without its gradient, so that it teaches the
variance alone. L_vlb is in nats per number of the event; with t uniform it is the bound's sum over `steps` steps, and
any other density of times only changes how much each time counts: the best variance at each time is the same.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.errors.squared import squared
from core.learned_variance import with_fraction
from core.losses.denoising import Error, Weighting, weighted_error
from core.prediction import to_x0
from core.reverse import reverse_kl
from core.schedule import diffuse, scales


def hybrid_loss(
    denoiser: Denoiser,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    weighting: Weighting,
    cond: Condition = None,
    error: Error = squared,
    *,
    weight: float = 0.001,
    steps: int = 1000,
) -> Tensor:
    """Per-example loss (B,), in float32 or better. x0, eps (B, C, *rest); t (B,) in (0, t_max].

    The denoiser's network gives two answers, see `core.learned_variance`. The variance is learned for steps of
    t_max / `steps`: s = t less that. A t below two steps takes s = t / 2, in place of the paper's clipped variance of
    the first step: `ddpm` adds no noise on its way to 0.
    """
    schedule = denoiser.schedule
    x = diffuse(schedule, x0, t, eps)
    output, fraction = with_fraction(denoiser, x, t, cond)
    simple = weighted_error(denoiser, output, x0, t, eps, weighting, error)
    x0_hat = to_x0(denoiser.prediction, output.detach(), x, *scales(schedule, t, x0))
    t = t.to(torch.promote_types(t.dtype, torch.float32))
    s = torch.maximum(t - schedule.t_max / steps, t / 2)
    return simple + weight * steps * reverse_kl(schedule, x0, x0_hat, s, t, fraction).flatten(1).mean(1)


@dataclass(frozen=True)
class Hybrid:
    """`hybrid_loss` with its options. Raises ValueError for weight < 0 or steps < 1."""

    weight: float = 0.001
    steps: int = 1000

    def __post_init__(self) -> None:
        if not (self.weight >= 0 and self.steps >= 1):
            raise ValueError(f"hybrid: needs weight >= 0 and steps >= 1, got {self.weight} and {self.steps}")

    def __call__(self, *args: Any) -> Tensor:
        return hybrid_loss(*args, weight=self.weight, steps=self.steps)


hybrid = Hybrid
