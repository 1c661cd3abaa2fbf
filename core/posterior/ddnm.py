"""DDNM (Wang et al. 2023, eq. 13): the range of A from y, the null space from the denoiser.

    x0_y = A^+ y + (I - A^+ A) x0_hat

With a non-linear operator it is the projection of x0_hat on the signals that fit y. The sample itself fits y, and its
noise with it: y is taken as exact. `ddnm_plus`, `diffpir`, `pigdm` take noise as noise.
"""

from torch import Tensor

from core.measurement import Measurement, project
from core.posterior._parts import conditioned
from core.sampling import Sampler
from core.schedule import Denoise, Schedule


def ddnm(sampler: Sampler, measurement: Measurement) -> Sampler:
    """A sampler of x0 given `measurement`, of any operator with `pinv` or `project`; ValueError for others."""

    def given(denoise: Denoise, schedule: Schedule) -> Denoise:
        def fitted(x: Tensor, t: Tensor) -> Tensor:
            return project(measurement.operator, denoise(x, t), measurement.y).to(x.dtype)

        return fitted

    return conditioned(sampler, given)
