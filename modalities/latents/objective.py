"""What an autoencoder is trained on: how far the reconstruction is, and what the latent costs.

loss = reconstruction(x_hat, x0) + weight perceptual(x_hat, x0) + cost of the bottleneck
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from modalities.latents.autoencoder import Coded

Loss = Callable[[Tensor, Tensor], Tensor]
"""`loss(x_hat, x0) -> (B,)`, see `modalities.latents.losses`."""


@dataclass(frozen=True)
class Objective:
    """`objective(x_hat, x0, coded) -> (error (B,), cost (B,), parts)`: parts are () means for the log."""

    reconstruction: Loss
    perceptual: Loss
    perceptual_weight: float = 1.0

    def __call__(self, x_hat: Tensor, x0: Tensor, coded: Coded) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        x_hat = x_hat.float()
        error = self.reconstruction(x_hat, x0)
        parts = {"reconstruction": error.mean().detach(), **{k: v.detach() for k, v in coded.facts.items()}}
        if self.perceptual_weight > 0:
            seen = self.perceptual(x_hat, x0)
            parts["perceptual"] = seen.mean().detach()
            error = error + self.perceptual_weight * seen
        return error, coded.loss, parts
