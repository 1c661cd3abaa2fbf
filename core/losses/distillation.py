"""Consistency distillation (Song et al. 2023b, sec. 4): a teacher shows the way along the path that a student jumps.

    w(lambda_t) / gap |f(x_t, t) - f(x_r, r)|^2 / d,     x_r = alpha_r x0_hat + sigma_r (x_t - alpha_t x0_hat) / sigma_t

x_r is where one step of DDIM brings x_t with the teacher's x0_hat, guided or not. So the student learns the end of the
teacher's own path, guidance included (Meng et al. 2023), and the target has no noise of its own, which in consistency
training it has. How the gap closes: `core.losses._jumps`. At stage 0 r is 0 and f(x_r, r) = x0_hat: the student becomes
the guided teacher in one call.
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from core.condition import Condition, unconditional
from core.denoiser import Denoiser
from core.errors.squared import squared
from core.guidance.shared import shared
from core.losses._guidance import Interval, check_guidance, guided
from core.losses._jumps import check_stages, disagreement, ends, further, stage_at
from core.losses.denoising import Error, Loss, Weighting
from core.schedule import diffuse, scales
from core.shapes import expand_like


class Teacher(Protocol):
    """`teacher(x, t, cond) -> x0_hat`: x (B, *event), t (B,); a denoiser on the student's schedule."""

    def __call__(self, x: Tensor, t: Tensor, cond: Condition = None) -> Tensor: ...


def distillation_loss(
    denoiser: Denoiser,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    weighting: Weighting,
    cond: Condition = None,
    error: Error = squared,
    *,
    teacher: Teacher,
    stage: int = 8,
    scale: float = 1.0,
    interval: Interval | None = None,
) -> Tensor:
    """Per-example loss (B,), in float32 or better, at one stage. x0, eps (B, *event); t (B,) in (0, t_max].

    scale: of the teacher's classifier-free guidance, 1 is off; interval: the levels at which it is on. Raises
    ValueError for a prediction with which f(x, 0) is not x.
    """
    r, gap = further(denoiser, t, stage)
    x_t = diffuse(denoiser.schedule, x0, t, eps)
    with torch.no_grad():
        teach = shared(lambda x, t: teacher(x, t, cond))
        if cond is not None:
            nothing = unconditional(cond)
            teach = guided(teach, lambda x, t: teacher(x, t, nothing), denoiser.schedule, scale, interval)
        x0_hat = teach(x_t, t)
        (alpha_t, sigma_t), (alpha_r, sigma_r) = (scales(denoiser.schedule, time, x_t) for time in (t, r))
        x_r = (alpha_r * x0_hat + sigma_r / sigma_t * (x_t - alpha_t * x0_hat)).to(x_t.dtype)
        x_r = torch.where(expand_like(gap, x_r) < 1, x_r, x0_hat)
    end = x0_hat if stage == 0 else ends(denoiser, x_r, r, gap, cond)
    return disagreement(denoiser, x_t, t, end, gap, weighting, cond, error)


@dataclass(frozen=True)
class Distillation:
    """The options of a distillation; `taught_by(teacher)` is the loss.

    stages: how often the gap is halved. wait: the share of the training before that. scale: of the teacher's guidance;
    interval: the levels sigma / alpha between which it is on, None for all. Raises ValueError for stages < 1, a share
    outside [0, 1], a negative scale and an empty interval.
    """

    stages: int = 8
    wait: float = 0.25
    scale: float = 1.0
    interval: Interval | None = None

    def __post_init__(self) -> None:
        check_stages("distillation", self.stages, self.wait)
        check_guidance("distillation", self.scale, self.interval)

    def taught_by(self, teacher: Teacher) -> "Taught":
        return Taught(self, teacher)


@dataclass(frozen=True)
class Taught:
    """A loss that changes with the training, see `at`; called itself, it is that of the last stage."""

    plan: Distillation
    teacher: Teacher

    def at(self, progress: float) -> Loss:
        """The loss when `progress` in [0, 1] of the training is done."""
        stage = stage_at(progress, self.plan.stages, self.plan.wait)
        plan = self.plan
        return partial(distillation_loss, teacher=self.teacher, stage=stage, scale=plan.scale, interval=plan.interval)

    def __call__(self, *args: object, **options: object) -> Tensor:
        return self.at(1.0)(*args, **options)


distillation = Distillation
