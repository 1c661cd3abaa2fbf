"""Learned variance (Nichol & Dhariwal 2021, sec. 3.1): a network of twice the channels says how uncertain x_s is.

The second half v of its output places log std between the bounds of `core.reverse`, element by element, at the fraction
f = (v + 1) / 2. Nothing else changes: the first half is the prediction, and `LearnedVariance` denoises and trains
wherever a `Denoiser` does.

    model = LearnedVariance(Denoiser(network, schedule, prediction))
    denoise = Joint(model)                                              one network call serves both
    ddpm(denoise, schedule, x, times, variance=denoise.fraction)
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from core.condition import Condition
from core.denoiser import Denoiser
from core.prediction import Prediction, to_x0
from core.schedule import Schedule, scales


class LearnedVariance(nn.Module):
    """`model(x, t, cond) -> x0_hat` and `model.both(x, t, cond) -> (x0_hat, fraction)`.

    The network of `denoiser` maps (B, C, *rest) to (B, 2 C, *rest). Raises ValueError where it does not.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    @property
    def schedule(self) -> Schedule:
        return self.denoiser.schedule

    @property
    def prediction(self) -> Prediction:
        return self.denoiser.prediction

    @property
    def sigma_data(self) -> float:
        return self.denoiser.sigma_data

    def outputs(self, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, Tensor]:
        """The network's raw prediction and the fraction, each (B, *event), float32 or better."""
        output = self.denoiser.output(x, t, cond)
        if x.ndim < 2 or output.shape != (len(x), 2 * x.shape[1], *x.shape[2:]):
            raise ValueError(
                f"learned variance: the network must double the channels of {tuple(x.shape)}, "
                f"it gave {tuple(output.shape)}"
            )
        prediction, v = output.chunk(2, dim=1)
        return prediction, (v + 1) / 2

    def output(self, x: Tensor, t: Tensor, cond: Condition = None) -> Tensor:
        """The raw prediction alone: what `denoising_loss` compares with its target."""
        return self.outputs(x, t, cond)[0]

    def both(self, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, Tensor]:
        """x0_hat in the dtype of x, and the fraction in float32 or better: x (B, C, *rest), t () or (B,)."""
        output, fraction = self.outputs(x, t, cond)
        return to_x0(self.prediction, output, x, *scales(self.schedule, t, x)).to(x.dtype), fraction

    def forward(self, x: Tensor, t: Tensor, cond: Condition = None) -> Tensor:
        return self.both(x, t, cond)[0]


class _Answer(NamedTuple):
    x: Tensor
    t: Tensor
    x0: Tensor
    fraction: Tensor


class Joint:
    """A denoiser whose last answer is kept, so that `fraction` at the same (x, t) costs no second call.

    `both(x, t) -> (x0_hat, fraction)`, conditions bound. The same tensors are recognised by identity. Guidance may wrap
    the joint while `fraction` stays that of this model, as in Dhariwal & Nichol 2021. One joint per sampling run.
    """

    def __init__(self, both: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
        self._both = both
        self._last: _Answer | None = None

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """x0_hat at x (B, *event), t () or (B,)."""
        return self._at(x, t).x0

    def fraction(self, x: Tensor, t: Tensor) -> Tensor:
        """Where log std lies between its bounds, (B, *event)."""
        return self._at(x, t).fraction

    def _at(self, x: Tensor, t: Tensor) -> _Answer:
        last = self._last
        if last is None or last.x is not x or last.t is not t:
            self._last = last = _Answer(x, t, *self._both(x, t))
        return last
