"""The variational bound in the limit of infinitely many steps (Kingma et al. 2021, eq. 11 to 17).

    L_inf = 1/2 E_eps int e^lambda |x0 - x0_hat(x_lambda)|^2 d lambda

depends on the schedule through the two ends of lambda alone. The integral is estimated at draws of lambda.
"""

import math

import torch
from torch import Tensor

from core.likelihood.bound import Bound, prior_kl, reconstruction
from core.likelihood.decoders import Decoder, rounded_gaussian
from core.schedule import Denoise, Schedule, diffuse, log_snr
from core.state import RandnLike


def continuous_bound(
    denoise: Denoise,
    schedule: Schedule,
    x0: Tensor,
    u: Tensor,
    *,
    level: float = 1e-3,
    decoder: Decoder = rounded_gaussian,
    decoder_std: Tensor | float | None = None,
    randn_like: RandnLike = torch.randn_like,
) -> Bound:
    """Unbiased estimate from one time and one noise per entry of u (n, B) in (0, 1): n + 1 calls of `denoise`.

    x0 (B, *event). Times are uniform in log-SNR, from that of t_max (or -20 where it is lower: what is left out is
    below 1e-9 of |x0|^2 / 2) to that of the noise level sigma / alpha = `level`, where the decoder takes over.
    `stratified_uniforms` draws a u of low variance. Raises ValueError for u of another shape, level out of range.
    """
    end = torch.tensor(schedule.t_max, dtype=torch.float64)
    if u.ndim != 2 or u.shape[1] != len(x0):
        raise ValueError(f"continuous_bound: needs u (n, {len(x0)}), got {tuple(u.shape)}")
    top, low = -2 * math.log(level) if level > 0 else math.inf, max(-20.0, float(log_snr(schedule, end)))
    if not low < top < math.inf:
        raise ValueError(f"continuous_bound: level must lie in (0, {math.exp(-low / 2):.4g}), got {level}")
    terms = []
    for row in u.to(x0.device, torch.float64):
        lam = top + (low - top) * row
        t = schedule.time(lam)
        error = (x0 - denoise(diffuse(schedule, x0, t, randn_like(x0)), t)).flatten(1).square().sum(1)
        terms.append((top - low) / (2 * len(u)) * lam.exp() * error)
    start = schedule.time(torch.tensor(top, dtype=torch.float64))
    last = reconstruction(denoise, schedule, x0, start, decoder, decoder_std, randn_like)
    return Bound(prior_kl(schedule, x0, end), torch.stack(terms), last)


def stratified_uniforms(n: int, batch: int, generator: torch.Generator) -> Tensor:
    """`(n, batch)` float64 uniforms, one in each n-th of (0, 1) for every example."""
    r = torch.rand(n, batch, generator=generator, dtype=torch.float64)
    return (torch.arange(n, dtype=torch.float64)[:, None] + r.clamp_min(1e-12)) / n
