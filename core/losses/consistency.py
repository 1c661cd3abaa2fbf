"""Consistency training (Song et al. 2023b, sec. 5): the denoiser learns where the path through x_t ends, not the mean.

    w(lambda_t) / gap |f(x_t, t) - f(x_r, r)|^2 / d,      x_r = alpha_r x0 + sigma_r eps

No gradient passes through f(x_r, r). x_r and x_t share x0 and eps: on average that is a step along the path of the
probability-flow ODE (theorem 2). A denoiser that answers alike all along it answers with its end at t = 0, where
f(x, 0) = x holds by construction; `core.samplers.consistency` then needs one step, or a few.

The gap closes while training goes on, as in Geng et al. 2024, eq. 18: the level l = sigma / alpha of r is
l_r = l_t (1 - gap), with

    gap = min(1, 2^-stage n(l_t)),      n(l) = 1 + 8 / (1 + e^(l / 2 sigma_data)).

At stage 0 r = 0 and f(x_r, r) = x0: that is the denoising loss, with which every training begins.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.errors.squared import squared
from core.losses.denoising import Error, Loss, Weighting, denoising_loss
from core.prediction import Prediction, x0_coefficients
from core.schedule import diffuse, log_snr
from core.shapes import expand_like

STEEPNESS = 8.0
"""How much sooner r is 0 at low levels, k of Geng et al. 2024."""


def consistency_loss(
    denoiser: Denoiser,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    weighting: Weighting,
    cond: Condition = None,
    error: Error = squared,
    *,
    stage: int = 8,
) -> Tensor:
    """Per-example loss (B,), in float32 or better, at one stage. x0, eps (B, *event); t (B,) in (0, t_max].

    Dropout falls alike in both calls of the network (Song & Dhariwal 2024, sec. 3.1). Raises ValueError for a
    prediction with which f(x, 0) is not x.
    """
    if not returns_x_without_noise(denoiser.prediction):
        raise ValueError(
            "consistency: without noise the denoiser must return x itself, which by this prediction it does not"
        )
    if stage == 0:
        return denoising_loss(denoiser, x0, t, eps, weighting, cond, error)
    schedule, level = denoiser.schedule, log_snr(denoiser.schedule, t)
    gap = gap_at(stage, torch.exp(-level / 2), denoiser.sigma_data)
    r = schedule.time(level - 2 * torch.log1p(-gap)).to(t.dtype)
    with torch.no_grad(), torch.random.fork_rng(devices=[x0.device] if x0.is_cuda else []):
        ends = denoiser(diffuse(schedule, x0, r, eps), r, cond)
        ends = torch.where(expand_like(gap, x0) < 1, ends, x0)
    residual = denoiser(diffuse(schedule, x0, t, eps), t, cond) - ends
    return error(residual, weighting(level) / gap)


def gap_at(stage: int, level: Tensor, sigma_data: float) -> Tensor:
    """(l_t - l_r) / l_t in (0, 1] at levels l_t (B,); 1 is r = 0."""
    soon = 1 + STEEPNESS * torch.sigmoid(-level / (2 * sigma_data))
    return (2.0**-stage * soon).clamp(max=1)


def returns_x_without_noise(prediction: Prediction) -> bool:
    """Whether x0_hat = x at sigma = 0, whatever the network says: true of all that predict some of the noise."""
    p, q = x0_coefficients(prediction, torch.ones(()), torch.zeros(()))
    return bool(p == 1) and bool(q.abs() < torch.finfo(q.dtype).eps)


@dataclass(frozen=True)
class Consistency:
    """A loss that changes with the training, see `at`; called itself, it is that of the last stage.

    stages: how often the gap is halved. denoising: the share of the training before that, spent at stage 0. Raises
    ValueError for stages < 1 and a share outside [0, 1].
    """

    stages: int = 8
    denoising: float = 0.5

    def __post_init__(self) -> None:
        if not (self.stages >= 1 and 0 <= self.denoising <= 1):
            raise ValueError(
                f"consistency: needs stages >= 1 and denoising in [0, 1], got {self.stages} and {self.denoising}"
            )

    def stage(self, progress: float) -> int:
        """0 until the share `denoising` of the training is done, then 1 to `stages`, each for as long."""
        if progress < self.denoising:
            return 0
        left = max(1 - self.denoising, 1e-9)
        return min(self.stages, 1 + int((progress - self.denoising) / left * self.stages))

    def at(self, progress: float) -> Loss:
        """The loss when `progress` in [0, 1] of the training is done."""
        return partial(consistency_loss, stage=self.stage(progress))

    def __call__(
        self,
        denoiser: Denoiser,
        x0: Tensor,
        t: Tensor,
        eps: Tensor,
        weighting: Weighting,
        cond: Condition = None,
        error: Error = squared,
    ) -> Tensor:
        return consistency_loss(denoiser, x0, t, eps, weighting, cond, error, stage=self.stages)


consistency = Consistency
