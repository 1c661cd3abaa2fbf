"""The variational bound of a chain of T steps (Ho et al. 2020, eq. 5), which `ddpm` samples on the same times."""

from itertools import pairwise

import torch
from torch import Tensor

from core.likelihood.bound import Bound, prior_kl, reconstruction
from core.likelihood.decoders import Decoder, rounded_gaussian
from core.reverse import Fraction, reverse_kl
from core.schedule import Denoise, Schedule, diffuse
from core.state import RandnLike


def discrete_bound(
    denoise: Denoise,
    schedule: Schedule,
    x0: Tensor,
    times: Tensor,
    *,
    variance: float | Fraction = 0.0,
    decoder: Decoder = rounded_gaussian,
    decoder_std: Tensor | float | None = None,
    randn_like: RandnLike = torch.randn_like,
) -> Bound:
    """L_T, L_{t-1} for T - 1 steps, and L_0, each from one fresh draw of x_t: T calls of `denoise`.

    x0 (B, *event). times (T,) falling from t_T to t_1 > 0: a grid of `core.grids` without its last entry. variance as
    in `ddpm`: 0 is the posterior's, 1 the upper bound, a callable a learned one. The decoder answers for t_1 -> 0, with
    mean x0_hat and `decoder_std` (see `core.likelihood.bound.reconstruction`). Raises ValueError for times that do not
    fall, or end at 0.
    """
    if times.ndim != 1 or len(times) < 1 or not bool((times.diff() < 0).all() & (times[-1] > 0)):
        raise ValueError(f"discrete_bound: times must fall and stay above 0, got {times.tolist()}")
    terms = [x0.new_zeros(len(x0), dtype=torch.promote_types(x0.dtype, torch.float32))]
    for t, s in pairwise(times):
        x = diffuse(schedule, x0, t, randn_like(x0))
        x0_hat = denoise(x, t)
        fraction = variance(x, t) if callable(variance) else variance
        terms.append(reverse_kl(schedule, x0, x0_hat, s, t, fraction).flatten(1).sum(1))
    return Bound(
        prior_kl(schedule, x0, times[0]),
        torch.stack(terms[1:] or terms),
        reconstruction(denoise, schedule, x0, times[-1], decoder, decoder_std, randn_like),
    )
