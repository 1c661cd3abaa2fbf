"""The denoising objective, for every parameterisation and weighting (Kingma & Gao 2023, sec. 2).

    loss_i = w(lambda_i) |x0_i - x0_hat_i|^2 / d  =  w(lambda_i) q_i^2 |target_i - F_i|^2 / d

with q = d x0_hat / d F and d the size of an event. The right-hand side is what is computed: a prediction that is badly
conditioned in x0 (eps near alpha = 0) then never passes through the division, and w q^2 is finite where q is not small.

Flow matching (Lipman et al. 2023, eq. 23) is this loss with prediction and weighting `flow` on `rectified`, where
w q^2 = 1; with the coupling `optimal_transport` it is that of Tong et al. 2024.
"""

from collections.abc import Callable

from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.errors.squared import squared
from core.prediction import target, x0_error_scale
from core.schedule import diffuse, log_snr, scales

Weighting = Callable[[Tensor], Tensor]
"""`weighting(log_snr (B,)) -> (B,)`: the weight of the squared x0 error; see `core.weightings`."""

Error = Callable[[Tensor, Tensor], Tensor]
"""`error(residual (B, *event), weight (B,)) -> (B,)`; see `core.errors`."""

Loss = Callable[..., Tensor]
"""`loss(denoiser, x0, t, eps, weighting, cond, error) -> (B,)`: any of `core.losses`."""


def denoising_loss(
    denoiser: Denoiser,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    weighting: Weighting,
    cond: Condition = None,
    error: Error = squared,
) -> Tensor:
    """Per-example loss `(B,)`, mean over the event, in float32 or better. x0, eps (B, *event); t (B,) in (0, t_max].

    A weighting with a `penalty(log_snr)` adds that to the error that it weighs.
    """
    output = denoiser.output(diffuse(denoiser.schedule, x0, t, eps), t, cond)
    return weighted_error(denoiser, output, x0, t, eps, weighting, error)


def weighted_error(
    denoiser: Denoiser, output: Tensor, x0: Tensor, t: Tensor, eps: Tensor, weighting: Weighting, error: Error
) -> Tensor:
    """`denoising_loss` of the `output` (B, *event) that the denoiser has given at x_t already."""
    schedule, prediction = denoiser.schedule, denoiser.prediction
    residual = output - target(prediction, x0, eps, *scales(schedule, t, x0))
    q, level = x0_error_scale(prediction, schedule.alpha(t), schedule.sigma(t)), log_snr(schedule, t)
    return weighed(residual, level, weighting, error, factor=q**2)


def weighed(residual: Tensor, level: Tensor, weighting: Weighting, error: Error, *, factor: Tensor) -> Tensor:
    """The error (B,) of a residual (B, *event) at log-SNR `level` (B,), its weight times `factor` (B,), and the
    weighting's penalty where it has one."""
    loss = error(residual, weighting(level) * factor)
    return loss + weighting.penalty(level) if hasattr(weighting, "penalty") else loss


denoising = denoising_loss
