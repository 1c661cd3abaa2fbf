"""Learned variance (Nichol & Dhariwal 2021, sec. 3.1): a network of twice the channels says how uncertain x_s is.

The second half v of its output places log std between the bounds of `core.reverse`, element by element, at the fraction
f = (v + 1) / 2. Nothing else changes: the first half is the prediction, and `LearnedVariance` denoises and trains
wherever a `Denoiser` does.

    model = LearnedVariance(network, schedule, prediction, sigma_data=...)
    denoise = Joint(model.both)                                         one network call serves both
    ddpm(denoise, schedule, x, times, variance=denoise.fraction)
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.prediction import to_x0
from core.schedule import scales


class LearnedVariance(Denoiser):
    """A denoiser whose network maps (B, C, *rest) to (B, 2 C, *rest); ValueError where it does not.

    `model(x, t, cond) -> x0_hat` as ever, and `model.both(x, t, cond) -> (x0_hat, fraction)`.
    """

    def outputs(self, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, Tensor]:
        """The network's raw prediction and the fraction, each (B, *event), float32 or better."""
        return self._outputs(x, *scales(self.schedule, t, x), cond)

    def both(self, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, Tensor]:
        """x0_hat in the dtype of x, and the fraction in float32 or better: x (B, C, *rest), t () or (B,)."""
        alpha, sigma = scales(self.schedule, t, x)
        output, fraction = self._outputs(x, alpha, sigma, cond)
        return to_x0(self.prediction, output, x, alpha, sigma).to(x.dtype), fraction

    def _outputs(self, x: Tensor, alpha: Tensor, sigma: Tensor, cond: Condition) -> tuple[Tensor, Tensor]:
        output = super()._output(x, alpha, sigma, cond)
        if x.ndim < 2 or output.shape != (len(x), 2 * x.shape[1], *x.shape[2:]):
            raise ValueError(
                f"learned variance: the network must double the channels of {tuple(x.shape)}, "
                f"it gave {tuple(output.shape)}"
            )
        prediction, v = output.chunk(2, dim=1)
        return prediction, (v + 1) / 2

    def _output(self, x: Tensor, alpha: Tensor, sigma: Tensor, cond: Condition) -> Tensor:
        return self._outputs(x, alpha, sigma, cond)[0]


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
