"""A denoiser that jumps, on the grid of a sampler: asked at one time of it, it answers for the step to the next.

Then `core.samplers.ddim` (eta = 0) steps from x_t exactly onto the path at the next time, as often as there are steps,
one included; whatever wraps a denoiser wraps this one. Samplers that take other steps need the mean, the denoiser
itself.
"""

from torch import Tensor

from core.condition import Condition
from core.denoiser import Denoiser


class Onward:
    """`onward(x, t, cond) = denoiser(x, t, cond, to)`, `to` the one of `times` (n + 1,) that follows t.

    Raises ValueError for a denoiser that does not jump and, when called, for a t that is none of the first n times.
    """

    def __init__(self, denoiser: Denoiser, times: Tensor) -> None:
        if not denoiser.jumps:
            raise ValueError("a denoiser that was not trained to jump has no answer for a step onward")
        self.denoiser, self.times = denoiser, times

    def __call__(self, x: Tensor, t: Tensor, cond: Condition = None) -> Tensor:
        """x (B, *event), t () -> (B, *event), in the dtype of x."""
        here = (self.times[:-1] == t.to(self.times)).nonzero()
        if t.ndim or not len(here):
            raise ValueError(f"{t} is none of the times of this grid at which a step begins")
        return self.denoiser(x, t, cond, self.times[1:][here[0, 0]])
