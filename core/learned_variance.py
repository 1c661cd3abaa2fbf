"""Learned variance (Nichol & Dhariwal 2021, sec. 3.1): a network of two answers says how uncertain x_s is.

The second answer v places log std between the bounds of `core.reverse`, element by element, at the fraction
f = (v + 1) / 2. Nothing else changes: the first is the prediction, and the denoiser denoises and trains as ever.

    model = Denoiser(network, schedule, prediction, answers=2)
    denoise = Joint(partial(both, model))                               one network call serves both
    ddpm(denoise, schedule, x, times, variance=denoise.fraction)
"""

from collections.abc import Callable

from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser
from core.guidance.shared import shared
from core.prediction import to_x0
from core.schedule import scales


def with_fraction(denoiser: Denoiser, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, Tensor]:
    """The raw prediction and the fraction at x_t, each (B, *event) in float32 or better. ValueError for a denoiser
    whose network gives one answer only."""
    if denoiser.answers != 2:
        raise ValueError(f"a learned variance takes a network of two answers, this denoiser has {denoiser.answers}")
    prediction, v = denoiser.outputs(x, t, cond)
    return prediction, (v + 1) / 2


def both(denoiser: Denoiser, x: Tensor, t: Tensor, cond: Condition = None) -> tuple[Tensor, Tensor]:
    """x0_hat in the dtype of x, and the fraction in float32 or better: x (B, C, *rest), t () or (B,)."""
    output, fraction = with_fraction(denoiser, x, t, cond)
    return to_x0(denoiser.prediction, output, x, *scales(denoiser.schedule, t, x)).to(x.dtype), fraction


class Joint:
    """A denoiser whose last answer is kept, so that `fraction` at the same (x, t) costs no second call.

    `both(x, t) -> (x0_hat, fraction)`, conditions bound; it is `shared`. Guidance may wrap the joint while `fraction`
    stays that of this model, as in Dhariwal & Nichol 2021. One joint per sampling run.
    """

    def __init__(self, both: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
        self._both = shared(both)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """x0_hat at x (B, *event), t () or (B,)."""
        return self._both(x, t)[0]

    def fraction(self, x: Tensor, t: Tensor) -> Tensor:
        """Where log std lies between its bounds, (B, *event)."""
        return self._both(x, t)[1]
