"""DDNM+ (Wang et al. 2023, eq. 17 to 19): the noise of y takes the place of noise that an ancestral step draws.

    x0_y = x0_hat + c A^+ (y - A x0_hat)
    x_s  = from_x x_t + from_x0 x0_y + std z,       of `core.forward.reversal`,

with c <= 1 as large as keeps the noise that y brings into x_s, from_x0 c noise_std A^+ n, below std z, and z made
smaller by as much, in the range of A alone. (The paper, whose Sigma is a multiple of I, makes it smaller everywhere.)
Without noise it is `ddnm` with the sampler `ddpm`.

That holds for one step. The noise of y is the same in all of them and adds up, where the noise that it replaces is
drawn anew: on a fine grid, whose steps each bring little, c is 1 almost to the end and the samples are those of `ddnm`.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.forward import reversal
from core.measurement import Measurement, linear, name_of
from core.sampling import Sampler
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State


def ddnm_plus(sampler: Sampler, measurement: Measurement) -> Sampler:
    """A sampler of x0 given `measurement`. Its steps are its own; of `sampler` it takes nothing but the signature.

    The operator is linear and has `gram`, the one eigenvalue of A A^T that is not 0; ValueError for others, whose noise
    A^+ n is not the same in all directions.
    """
    operator = linear(measurement.operator, "ddnm_plus")
    if not hasattr(operator, "gram"):
        raise ValueError(
            f"ddnm_plus needs an operator with A A^T = gram I on its range, which {name_of(operator)} is not: "
            "take pigdm, diffpir or moment_matching"
        )
    noise = measurement.noise_std / operator.gram**0.5  # standard deviation of A^+ (noise of y)

    def run(
        denoise: Denoise,
        schedule: Schedule,
        x: Tensor,
        times: Tensor,
        *,
        randn_like: RandnLike = torch.randn_like,
        **options: Any,
    ) -> Iterator[State]:
        from_x, from_x0, std = reversal(schedule, times[1:], times[:-1])
        brought = from_x0 * noise
        share = torch.where(brought > std, std / brought, 1.0)
        in_range = torch.where(brought > std, 0.0, (std**2 - brought**2).clamp_min(0).sqrt())  # what z keeps there
        for i, s in enumerate(times[1:]):
            x0 = denoise(x, times[i])
            x0 = x0 + share[i] * operator.pinv(measurement.residual(x0))
            z = randn_like(x)
            seen = operator.pinv(operator(z))
            x = (from_x[i] * x + from_x0[i] * x0 + std[i] * (z - seen) + in_range[i] * seen).to(x.dtype)
            yield State(s, x)

    return run
