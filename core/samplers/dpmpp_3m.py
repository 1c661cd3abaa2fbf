"""DPM-Solver++(3M), data prediction (Lu et al. 2022b, sec. 4): multistep of third order, one evaluation per step.

    x_s = sigma_s/sigma_t x_t + alpha_s ∫ e^(lam - lam_s) P(lam) dlam,      P through the latest three x0_hat, in lam

The integral is exact. The published code, and with it diffusers and k-diffusion, gives the second divided difference
half of its weight, which leaves a method of second order; see `docs/samplers.md`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.samplers._exponential import half_log_snr
from core.samplers._multistep import data_weights, latest, multistep
from core.schedule import Denoise, Schedule
from core.state import RandnLike, State

ORDER = 3


def dpmpp_3m(
    denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, *, randn_like: RandnLike = torch.randn_like
) -> Iterator[State]:
    """Deterministic: `randn_like` is not called. The orders of the first steps are 1 and 2; one that lands on sigma = 0
    is first order."""
    weights = data_weights(schedule, times, latest(half_log_snr(schedule, times), 3))
    return multistep(denoise, x, times, weights, kept=[])
