"""Mean flow (Geng et al. 2025): the denoiser learns where a step of any length along its path ends.

Asked for a step from t down to r, it answers with X, the x0_hat with which one step of DDIM ends at x_r:

    x_r = alpha_r X + sigma_r (x_t - alpha_t X) / sigma_t

X is the mean E[x0 | x_t] at r = t, and the end of the path at r = 0. That x_r does not depend on which x_t of its path
one starts from is an equation for X (their eq. 6, of the average velocity u = (z_t - X) / tau_t),

    X = rho E[x0 | x_t] + (1 - rho) (X - tau dX / dtau),          tau = sigma / (alpha + sigma),  rho = tau_r / tau_t

in which d is along the path: forward-mode differentiation gives it with one pass. The right-hand side, with x0 for the
first mean and no gradient, is what X is trained to be. The direction of the path is the model's own (Geng et al.
2025b): with x0 in it, as in the first paper, it is right on average and noisier. tau is the time of a rectified flow,
on which the papers are written; by it every schedule has its mean flow. No teacher, no stages: a share of the steps has
length 0, which is denoising, and with nothing but those a training begins.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from core.condition import Condition, is_absent, of_rows, unconditional
from core.denoiser import Denoiser
from core.errors.cauchy import Cauchy
from core.errors.squared import squared
from core.losses._guidance import Interval, check_guidance, guided
from core.losses.denoising import Error, Loss, Weighting, denoising_loss, weighed
from core.prediction import Prediction, x0_error_scale
from core.schedule import Schedule, diffuse, log_snr, noise_share, rates, scales
from core.shapes import expand_like


def mean_flow_loss(
    denoiser: Denoiser,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    weighting: Weighting,
    cond: Condition = None,
    error: Error = squared,
    *,
    to: Tensor,
    scale: float = 1.0,
    interval: Interval | None = None,
    delta: float = 0.5,
) -> Tensor:
    """Per-example loss (B,), in float32 or better. x0, eps (B, *event); t (B,) in (0, t_max], to (B,) in [0, t].

    scale: of the classifier-free guidance that is trained into the path (their sec. 4.2), 1 is none; interval: the
    levels at which it is on. `error` is that of the means; of steps with a length it is `core.errors.cauchy` of
    `delta`, since a derivative is a noisy thing to aim at. ValueError for a denoiser that does not jump, and for a
    prediction that says nothing about x0 where there is nothing but noise.
    """
    if not denoiser.jumps:
        raise ValueError("mean flow needs a network that is told how far a step goes, see Denoiser(jumps=True)")
    if not tells_x0_in_noise(denoiser.prediction):
        raise ValueError("mean flow needs a prediction from which x0 follows where all is noise, such as v")
    x = diffuse(denoiser.schedule, x0, t, eps)
    with torch.no_grad():
        rows = (to < t).nonzero().squeeze(1)  # the one look at values: it saves the derivative of all other rows
        target = x0 if scale == 1 else aimed(denoiser, x, t, x0, cond, scale, interval)
        if len(rows):
            some = of_rows(cond, rows)
            target = target.index_copy(0, rows, jump(denoiser, x[rows], t[rows], to[rows], target[rows], some))

    def either(residual: Tensor, weight: Tensor) -> Tensor:
        return torch.where(to < t, Cauchy(delta)(residual, weight), error(residual, weight))

    residual = denoiser(x, t, cond, to) - target
    return weighed(residual, log_snr(denoiser.schedule, t), weighting, either, factor=torch.ones_like(t))


def tells_x0_in_noise(prediction: Prediction) -> bool:
    """Whether an error of the output stays one of its size in x0_hat at sigma = 1000 alpha: not for eps and score."""
    return bool(x0_error_scale(prediction, torch.tensor(1e-3), torch.tensor(1.0)) < 100)


def aimed(
    denoiser: Denoiser, x: Tensor, t: Tensor, x0: Tensor, cond: Condition, scale: float, interval: Interval | None
) -> Tensor:
    """x0 moved away from what is there without conditions: x0_hat + scale (x0 - x0_hat), in examples that have any."""
    asked = [~is_absent(rows) for rows in (cond or {}).values() if rows.dtype != torch.bool]
    if not asked:
        return x0
    nothing = unconditional(cond)
    further = guided(lambda x, t: x0, lambda x, t: denoiser(x, t, nothing), denoiser.schedule, scale, interval)
    some = torch.stack(asked).any(0).reshape(-1, *(1,) * (x0.ndim - 1))
    return torch.where(some, further(x, t), x0).to(x0.dtype)


def jump(denoiser: Denoiser, x: Tensor, t: Tensor, to: Tensor, x0: Tensor, cond: Condition) -> Tensor:
    """rho x0 + (1 - rho) (X - tau dX/dtau) at x_t, (B, *event): what X is to be where the path leads to this x0."""
    schedule = denoiser.schedule
    alpha, sigma = scales(schedule, t, x)
    d_alpha, d_sigma = (expand_like(rate, x) for rate in rates(schedule, t))
    pace = sigma * (alpha + sigma) / (d_sigma * alpha - d_alpha * sigma)  # tau dt/dtau
    ahead = denoiser(x, t, cond)  # where the path leads by the model itself: x0 is one of many
    along = pace * (d_alpha * ahead + d_sigma * (x - alpha * ahead) / sigma)
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no forward mode
        rate = along.to(x.dtype), pace.reshape(t.shape).to(t.dtype)
        answer = torch.func.jvp(lambda x, t: denoiser(x, t, cond, to), (x, t), rate)
    rho = expand_like(noise_share(schedule, to) / noise_share(schedule, t), x)
    return (rho * x0 + (1 - rho) * (answer[0] - answer[1])).to(x.dtype)


@dataclass(frozen=True)
class MeanFlow:
    """`mean_flow_loss` with its options, after a time of denoising, see `at`; `ends` draws how far the steps go.

    share: of the examples, that jump; the others denoise. wait: the share of the training before any does. scale: of
    the guidance that is trained into the path; interval: the levels sigma / alpha between which it is on, None for all.
    delta: root mean square, weighted, beyond which the error of a step counts less. Raises ValueError for shares
    outside [0, 1], a negative scale, an empty interval and a delta that is not positive.
    """

    share: float = 0.5
    wait: float = 0.5
    scale: float = 1.0
    interval: Interval | None = None
    delta: float = 0.5

    def __post_init__(self) -> None:
        for name, share in (("share", self.share), ("wait", self.wait)):
            if not 0 <= share <= 1:
                raise ValueError(f"mean_flow: {name} must lie in [0, 1], got {share:g}")
        check_guidance("mean_flow", self.scale, self.interval)
        Cauchy(self.delta)

    def at(self, progress: float) -> Loss:
        """The loss when `progress` in [0, 1] of the training is done: where steps end is learned once means are."""
        return denoising_loss if progress < self.wait else self

    def ends(self, u: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        """Times (B,) that steps from t (B,) lead to, by uniform u (B, 2): t itself where there is no jump, elsewhere
        rho uniform. Of two uniform times, this is the earlier given the later."""
        tau = u[:, 1] * noise_share(schedule, t)
        end = schedule.time(2 * (torch.log1p(-tau) - tau.log())).to(t.dtype)
        return torch.where(u[:, 0] < self.share, torch.minimum(end, t), t)

    def __call__(self, *args: Any, to: Tensor) -> Tensor:
        return mean_flow_loss(*args, to=to, scale=self.scale, interval=self.interval, delta=self.delta)


mean_flow = MeanFlow
