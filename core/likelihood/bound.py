"""The variational bound -log p(x0) <= prior + diffusion + reconstruction (Ho et al. 2020, eq. 5), in nats."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.likelihood.decoders import Decoder
from core.schedule import Denoise, Schedule, diffuse
from core.shapes import expand_like
from core.state import RandnLike


@dataclass(frozen=True)
class Bound:
    """`prior` (B,), `diffusion` (steps or draws, B), `reconstruction` (B,), each summed over the event, in nats.

    `diffusion` holds one row per step of a chain, or per draw of a time, already weighed so that rows add up.
    """

    prior: Tensor
    diffusion: Tensor
    reconstruction: Tensor

    @property
    def nats(self) -> Tensor:
        """The bound on -log p(x0), (B,)."""
        return self.prior + self.diffusion.sum(0) + self.reconstruction


def prior_kl(schedule: Schedule, x0: Tensor, t: Tensor) -> Tensor:
    """KL(q(x_t | x0) || N(0, sigma_t^2 I)) in nats, (B,): |alpha x0|^2 / 2 sigma^2, against where `prior` starts.

    Ho et al. write N(0, I) for the prior, which on their schedule is the same to 2e-5 of sigma.
    """
    ratio = schedule.alpha(t) / schedule.sigma(t)
    return (ratio * x0).flatten(1).square().sum(1) / 2


def reconstruction(
    denoise: Denoise,
    schedule: Schedule,
    x0: Tensor,
    t: Tensor,
    decoder: Decoder,
    std: Tensor | float | None,
    randn_like: RandnLike,
) -> Tensor:
    """-log p(x0 | x_t) in nats, (B,), at the cleanest time t () with x_t drawn from q. Without `std`, it is
    sigma_t / n_t: beta_1 of Ho et al., the posterior's for x0 ~ N(0, I)."""
    if std is None:
        std = schedule.sigma(t) / torch.hypot(schedule.alpha(t), schedule.sigma(t))
    mean = denoise(diffuse(schedule, x0, t, randn_like(x0)), t)
    dtype = torch.promote_types(x0.dtype, torch.float32)
    spread = expand_like(torch.as_tensor(std, dtype=dtype, device=x0.device), x0)
    return -decoder(x0.to(dtype), mean.to(dtype), spread).flatten(1).sum(1)
