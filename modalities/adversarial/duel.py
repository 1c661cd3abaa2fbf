"""What critic and generator of a GAN lose in one step (Huang et al. 2024).

    critic       L_D(D(x0), D(G(z))) + gamma/2 (R1 at x0 + R2 at G(z))
    generator    L_G(D(G(z)), D(x0))

A made example has the label of the real one in its row: the relativistic loss compares within a class.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from modalities.adversarial.penalties import gradient_penalty

Judged = Callable[[Tensor, Tensor | None], Sequence[Tensor]]


class Loss(Protocol):
    """See `modalities.adversarial.losses`."""

    def discriminator(self, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor: ...

    def generator(self, fake: Sequence[Tensor], real: Sequence[Tensor] | None = None) -> Tensor: ...


def critic_loss(
    critic: Judged, loss: Loss, real: Tensor, fake: Tensor, label: Tensor | None, *, gamma: float
) -> tuple[Tensor, Tensor]:
    """(B,) loss of the critic with its penalty, and (B,) how much more real than made it finds each pair.

    real, fake: (B, *event), `fake` without a graph; gamma 0 leaves the penalty out.
    """
    x = torch.cat([real, fake]).detach().requires_grad_(gamma > 0)
    logits = critic(x, None if label is None else torch.cat([label, label]))
    reals, fakes = [v[: len(real)] for v in logits], [v[len(real) :] for v in logits]
    losses = loss.discriminator(reals, fakes)
    if gamma > 0:
        losses = losses + gamma / 2 * gradient_penalty(x, logits).view(2, -1).sum(0)
    margins = [(r - f).detach().flatten(1).mean(1) for r, f in zip(reals, fakes, strict=True)]
    return losses, torch.stack(margins).mean(0)


def generator_loss(critic: Judged, loss: Loss, real: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
    """(B,) loss of the generator that made `fake` (B, *event), whose graph it keeps."""
    with torch.no_grad():
        reals = critic(real, label)
    return loss.generator(critic(fake, label), reals)
