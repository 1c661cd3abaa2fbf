"""A diagonal Gaussian posterior, held near N(0, 1): the VAE (Kingma & Welling 2014, eq. 10 and app. B).

    z = mu + sigma eps,    KL = 1/2 sum (mu^2 + sigma^2 - 1 - ln sigma^2)   nats,    loss = weight KL / numbers of x0

Beside the mean squared error, weight = 2 s^2 is the evidence bound of a decoder that adds noise of variance s^2, to a
factor; other weights are the beta-VAE (Higgins et al. 2017). About the reconstruction's error, 1e-2 to 1e-1, it makes
N(0, 1) a prior to draw from; 1e-6 (Rombach et al. 2022, sec. 3.1) only keeps the latent from growing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from modalities.latents.autoencoder import Coded

LOG_VARIANCE = (-30.0, 20.0)
"""Where ln sigma^2 is held, so that its exponential stays a number."""


class Kl(nn.Module):
    """channels: of z; weight: of the divergence, see above. Raises ValueError where out of range."""

    def __init__(self, *, channels: int = 4, weight: float = 1e-6) -> None:
        super().__init__()
        if channels < 1 or not weight >= 0:
            raise ValueError(f"bottleneck kl: needs channels >= 1 and weight >= 0, got {channels} and {weight}")
        self.channels, self.in_channels, self.weight = channels, 2 * channels, weight

    def noise(self, batch: int, size: Sequence[int], generator: torch.Generator, mine: slice) -> Tensor:
        """(b, channels, *size), standard normal."""
        return torch.randn(batch, self.channels, *size, generator=generator, device=generator.device)[mine]

    def forward(self, h: Tensor, noise: Tensor, numbers: int) -> Coded:
        mean, log_variance = moments(h)
        divergence = kl_divergence(mean, log_variance)
        z = mean + torch.exp(log_variance / 2) * noise
        return Coded(z, self.weight * divergence / numbers, {"kl": divergence.mean()})

    def encode(self, h: Tensor) -> Tensor:
        return moments(h)[0]

    def draw(self, noise: Tensor) -> Tensor:
        """z of the prior from standard normal noise of its shape."""
        return noise


def moments(h: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance, each (B, c, *size), from h (B, 2c, *size)."""
    mean, log_variance = h.chunk(2, dim=1)
    return mean, log_variance.clamp(*LOG_VARIANCE)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each example (B,), in nats, summed over its numbers."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1) / 2


kl = Kl
