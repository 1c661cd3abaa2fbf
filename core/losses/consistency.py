"""Consistency training (Song et al. 2023b, sec. 5): the denoiser learns where the path through x_t ends, not the mean.

    w(lambda_t) / gap |f(x_t, t) - f(x_r, r)|^2 / d,      x_r = alpha_r x0 + sigma_r eps

x_r and x_t share x0 and eps: on average that is a step along the path of the probability-flow ODE (theorem 2). A
denoiser that answers alike all along it answers with its end at t = 0, where f(x, 0) = x holds by construction;
`core.samplers.consistency` then needs one step, or a few. How the gap closes: `core.losses._jumps`. At stage 0 r is 0
and f(x_r, r) = x0: the denoising loss, with which a training begins.
"""

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.errors.squared import squared
from core.losses._jumps import check_stages, disagreement, ends, further, stage_at
from core.losses.denoising import Error, Loss, Weighting, denoising_loss
from core.schedule import diffuse


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

    Raises ValueError for a prediction with which f(x, 0) is not x.
    """
    r, gap = further(denoiser, t, stage)
    if stage == 0:
        return denoising_loss(denoiser, x0, t, eps, weighting, cond, error)
    x_t, x_r = (diffuse(denoiser.schedule, x0, time, eps) for time in (t, r))
    end = ends(denoiser, x_r, r, gap, cond)
    return disagreement(denoiser, x_t, t, end, gap, weighting, cond, error)


@dataclass(frozen=True)
class Consistency:
    """A loss that changes with the training, see `at`; called itself, it is that of the last stage.

    stages: how often the gap is halved. wait: the share of the training before that, spent on the denoising loss.
    Raises ValueError for stages < 1 and a share outside [0, 1].
    """

    stages: int = 8
    wait: float = 0.5

    def __post_init__(self) -> None:
        check_stages("consistency", self.stages, self.wait)

    def at(self, progress: float) -> Loss:
        """The loss when `progress` in [0, 1] of the training is done."""
        return partial(consistency_loss, stage=stage_at(progress, self.stages, self.wait))

    def __call__(self, *args: object, **options: object) -> Tensor:
        return self.at(1.0)(*args, **options)


consistency = Consistency
