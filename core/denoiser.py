"""The network, seen as a denoiser: the only place that knows the parameterisation.

    F = network(x_t / sqrt(alpha^2 sigma_data^2 + sigma^2), -lambda / 8, cond)          the output, near unit variance
    x0_hat = p x_t + q F                                                                see `core.prediction`

The network sees unit variance and ln(sigma / alpha) / 4 (Karras et al. 2022, table 1: c_in and c_noise) and so knows
nothing of the schedule. A network that jumps is told how far, as well: the label is then (B, 2), with the share of the
noise that a step takes away beside it, see `core.losses.mean_flow`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.condition import Condition
from core.discover import build, names
from core.prediction import Prediction, to_x0, x0_error_scale
from core.schedule import Schedule, noise_share, scales

Network = Callable[[Tensor, Tensor, Condition], Tensor]
"""`network(x (B, C, *rest), noise_label (B,), cond) -> (B, answers C, *rest)`; noise_label (B, 2) where it jumps."""

LOUDEST = 2.5
"""The noise label is kept within this: sigma / alpha in [e^-10, e^10]."""

LOUDEST_JUMP = 0.85
"""And no louder than this, sigma = 30 alpha, where the network jumps: steps begin at the loudest level, of which
training shows little, and in the derivative along the path a change of the label weighs the more, the louder it is."""


class Denoiser(nn.Module):
    """`denoiser(x, t, cond, to) -> x0_hat`. `sigma_data` is the standard deviation of x0.

    `to`, a time no later than t, asks a denoiser that `jumps` for the x0_hat with which one step of DDIM ends at
    x_to on the path through x_t; without it, and where it is t, the answer is the mean.

    answers: how many tensors like x the network gives, one after the other along the channels. The first is the
    prediction; `core.learned_variance` makes something of a second. Raises ValueError where the prediction does not
    determine x0 somewhere on the schedule (eps where alpha = 0), and, when called, where several answers were promised
    and others came, or a denoiser that does not jump is asked to.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        prediction: Prediction,
        *,
        sigma_data: float = 0.5,
        answers: int = 1,
        jumps: bool = False,
    ) -> None:
        super().__init__()
        if not sigma_data > 0:
            raise ValueError(f"sigma_data must be positive, got {sigma_data}")
        if not _determines_x0(prediction, schedule):
            fit = [n for n in names("core.predictions") if _determines_x0(build("core.predictions", n), schedule)]
            name = getattr(prediction, "__name__", repr(prediction))
            alpha = float(schedule.alpha(torch.tensor(schedule.t_max, dtype=torch.float64)))
            raise ValueError(
                f"prediction {name} does not determine x0 at the noisy end of {schedule}, where alpha is {alpha:.2g}; "
                f"choose one of {', '.join(fit)}, or a lower t_max"
            )
        self.network = network
        self.schedule = schedule
        self.prediction = prediction
        self.sigma_data = sigma_data
        self.answers = answers
        self.jumps = jumps

    def outputs(self, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, ...]:
        """The network's raw answers at x_t: x (B, *event), t () or (B,) -> (B, *event) each, float32 or better."""
        return self._outputs(x, *scales(self.schedule, t, x), cond, self._leap(x, t, None))

    def output(self, x: Tensor, t: Tensor, cond: Condition = None) -> Tensor:
        """The first of them, the raw prediction."""
        return self.outputs(x, t, cond)[0]

    def forward(self, x: Tensor, t: Tensor, cond: Condition = None, to: Tensor | None = None) -> Tensor:
        """x0_hat at x_t: x (B, *event), t and to () or (B,) -> (B, *event), in the dtype of x."""
        alpha, sigma = scales(self.schedule, t, x)
        output = self._outputs(x, alpha, sigma, cond, self._leap(x, t, to))[0]
        return to_x0(self.prediction, output, x, alpha, sigma).to(x.dtype)

    def _leap(self, x: Tensor, t: Tensor, to: Tensor | None) -> Tensor | None:
        """The share of the noise that a step from t to `to` takes away, (B,); None where the network does not ask."""
        if not self.jumps:
            if to is not None:
                raise ValueError("this denoiser does not jump: its network was not trained to be told how far")
            return None
        if to is None:
            return torch.zeros(len(x), device=x.device)
        here, there = (
            noise_share(self.schedule, time.to(torch.promote_types(time.dtype, torch.float32))) for time in (t, to)
        )
        leap = torch.where(here > 0, 1 - there.to(here.device) / here, 0)
        return leap.to(x.device, torch.promote_types(x.dtype, torch.float32)).expand(len(x))

    def _outputs(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, cond: Condition, leap: Tensor | None
    ) -> tuple[Tensor, ...]:
        dtype = torch.promote_types(x.dtype, torch.float32)
        scaled = (x / torch.hypot(alpha * self.sigma_data, sigma)).to(x.dtype)
        label = ((sigma.log() - alpha.log()) / 4).clamp(-LOUDEST, LOUDEST if leap is None else LOUDEST_JUMP)
        label = label.flatten().to(x.device, dtype).expand(len(x))
        if leap is not None:
            label = torch.stack([label, leap.to(dtype)], dim=1)
        output = self.network(scaled, label, cond).to(dtype)
        if self.answers == 1:
            return (output,)
        if output.shape != (len(x), self.answers * x.shape[1], *x.shape[2:]):
            raise ValueError(
                f"a network of {self.answers} answers must give {self.answers} times the channels of {tuple(x.shape)}, "
                f"it gave {tuple(output.shape)}"
            )
        return output.chunk(self.answers, dim=1)


def _determines_x0(prediction: Prediction, schedule: Schedule) -> bool:
    """Whether rounding the output to float32 leaves x0_hat its leading digits at t_max."""
    end = torch.tensor(schedule.t_max, dtype=torch.float64)
    scale = x0_error_scale(prediction, schedule.alpha(end), schedule.sigma(end))
    return bool(scale * torch.finfo(torch.float32).eps < 1)
