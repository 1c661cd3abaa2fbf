"""What the losses of models that jump have in common: how far apart two points of a path are, and whether the answers
there agree.

The gap closes while training goes on, as in Geng et al. 2024, eq. 18: the level l = sigma / alpha of r is
l_r = l_t (1 - gap), with

    gap = min(1, 2^-stage n(l_t)),      n(l) = 1 + 8 / (1 + e^(l / 2 sigma_data)).

At stage 0 r = 0, the end of the path.
"""

import torch
from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.losses.denoising import Error, Weighting, weighed
from core.prediction import Prediction, x0_coefficients
from core.schedule import log_snr
from core.shapes import expand_like

STEEPNESS = 8.0
"""How much sooner r is 0 at low levels, k of Geng et al. 2024."""


def gap_at(stage: int, level: Tensor, sigma_data: float) -> Tensor:
    """(l_t - l_r) / l_t in (0, 1] at levels l_t (B,); 1 is r = 0."""
    soon = 1 + STEEPNESS * torch.sigmoid(-level / (2 * sigma_data))
    return (2.0**-stage * soon).clamp(max=1)


def further(denoiser: Denoiser, t: Tensor, stage: int) -> tuple[Tensor, Tensor]:
    """(r, gap), each (B,): the cleaner time that t is paired with. ValueError for a denoiser that cannot jump."""
    if not returns_x_without_noise(denoiser.prediction):
        raise ValueError("a model that jumps must return x where there is no noise; by its prediction it does not")
    level = log_snr(denoiser.schedule, t)
    gap = gap_at(stage, torch.exp(-level / 2), denoiser.sigma_data)
    return denoiser.schedule.time(level - 2 * torch.log1p(-gap)).to(t.dtype), gap


def returns_x_without_noise(prediction: Prediction) -> bool:
    """Whether x0_hat = x at sigma = 0, whatever the network says: true of all that predict some of the noise."""
    p, q = x0_coefficients(prediction, torch.ones(()), torch.zeros(()))
    return bool(p == 1) and bool(q.abs() < torch.finfo(q.dtype).eps)


@torch.no_grad()
def ends(denoiser: Denoiser, x_r: Tensor, r: Tensor, gap: Tensor, cond: Condition) -> Tensor:
    """f(x_r, r), with no gradient: x_r itself where r is 0.

    The generator of dropout is put back, so that it falls alike in the call at x_t that follows (Song & Dhariwal 2024,
    sec. 3.1).
    """
    kind = x_r.device.type
    with torch.random.fork_rng([] if kind == "cpu" else [x_r.device], device_type="cuda" if kind == "cpu" else kind):
        return torch.where(expand_like(gap, x_r) < 1, denoiser(x_r, r, cond), x_r)


def disagreement(
    denoiser: Denoiser,
    x_t: Tensor,
    t: Tensor,
    end: Tensor,
    gap: Tensor,
    weighting: Weighting,
    cond: Condition,
    error: Error,
) -> Tensor:
    """w(lambda_t) / gap |f(x_t, t) - end|^2 / d of each example, (B,)."""
    level = log_snr(denoiser.schedule, t)
    return weighed(denoiser(x_t, t, cond) - end, level, weighting, error, factor=1 / gap)


def stage_at(progress: float, stages: int, wait: float) -> int:
    """0 until the share `wait` of the training is done, then 1 to `stages`, each for as long."""
    if progress < wait:
        return 0
    return min(stages, 1 + int((progress - wait) / max(1 - wait, 1e-9) * stages))


def check_stages(name: str, stages: int, wait: float) -> None:
    """Raises ValueError for stages < 1 and a share outside [0, 1]."""
    if not (stages >= 1 and 0 <= wait <= 1):
        raise ValueError(f"{name}: needs stages >= 1 and wait in [0, 1], got {stages} and {wait}")
