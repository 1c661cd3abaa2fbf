"""The adversarial part of an autoencoder's loss (Esser et al. 2021, VQGAN): reconstructions that pass for real.

    autoencoder:    loss + weight lambda G(D(x_hat)) + features * FM(x_hat, x0)
    discriminator:  real x0 against x_hat,                             both from `start` of the training on

    lambda = |grad L_rec| / (|grad G| + 1e-6),  gradients with respect to the last layer, at most 1e4          (eq. 7)
    FM = mean over the layers of D of |f(x_hat) - f(x0)|_1 / mean |f(x0)|        (Larsen et al. 2016; Kumar et al. 2019)

lambda keeps the two gradients of one size, whatever the units of the losses. Before `start` a discriminator would only
learn to see the blur of an autoencoder that has hardly begun.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from core.training.distributed import average

MOST = 1e4
"""Of lambda, as in the published code of VQGAN."""
DELTA = 1e-6


class AdversarialLoss(Protocol):
    """`modalities.adversarial.losses`: of the logits of several judges."""

    def discriminator(self, real: Any, fake: Any) -> Tensor: ...
    def generator(self, fake: Any, real: Any = None) -> Tensor: ...


class Verdict(NamedTuple):
    """What the discriminator makes of reconstructions: the generator's loss and feature matching, each (B,)."""

    generator: Tensor
    features: Tensor


@dataclass
class Adversary:
    """`panel`: a discriminator with `verdict(x, label) -> (logits, features)`; `wrapped` the same for several
    processes. weight, features: of the two terms; start: share of the training before them."""

    panel: nn.Module
    wrapped: nn.Module
    loss: AdversarialLoss
    optimizer: torch.optim.Optimizer
    weight: float = 1.0
    features: float = 0.0
    start: float = 0.5

    def judge(self, x_hat: Tensor, x0: Tensor, label: Tensor | None) -> Verdict:
        """How real x_hat (B, C, *size) looks, differentiable with respect to x_hat alone.

        In evaluation mode, so that the spectral norms are those of one moment for both.
        """
        self.panel.eval().requires_grad_(False)
        made = self.panel.verdict(x_hat, label)  # type: ignore[operator]
        with torch.no_grad():
            real = self.panel.verdict(x0, label)  # type: ignore[operator]
        self.panel.train().requires_grad_(True)
        return Verdict(self.loss.generator(made.logits, real.logits), matching(made.features, real.features, len(x0)))

    def learn(self, x_hat: Tensor, x0: Tensor, label: Tensor | None) -> Tensor:
        """Gradients of the discriminator's mean loss on x0 against x_hat, which are added up; returns it, ()."""
        both = torch.cat([x0, x_hat.detach()])  # one pass: spectral norms and several processes count passes
        logits = self.wrapped(both, None if label is None else torch.cat([label, label]))
        real, fake = [value[: len(x0)] for value in logits], [value[len(x0) :] for value in logits]
        loss = self.loss.discriminator(real, fake).mean()
        loss.backward()
        return loss.detach()


def adaptive_weight(error: Tensor, generator: Tensor, last: Tensor) -> Tensor:
    """lambda (): the ratio of the gradients of two () losses with respect to the weights of the last layer."""
    (of_error,) = torch.autograd.grad(error, last, retain_graph=True)
    (of_generator,) = torch.autograd.grad(generator, last, retain_graph=True)
    average([of_error, of_generator])  # over the processes: the gradients of the global batch
    return (of_error.norm() / (of_generator.norm() + DELTA)).clamp(0, MOST).detach()


def matching(made: list[Tensor], real: list[Tensor], batch: int) -> Tensor:
    """(B,): the mean over layers of the L1 distance of their features, relative to the mean size of the real ones."""
    terms = []
    for ours, theirs in zip(made, real, strict=True):
        distance, size = (value.float().abs().reshape(batch, -1).mean(1) for value in (ours - theirs, theirs))
        terms.append(distance / size.clamp_min(1e-6))
    return torch.stack(terms).mean(0)
