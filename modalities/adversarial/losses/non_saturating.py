"""The original loss in its non-saturating form (Goodfellow et al. 2014, sec. 3), with f(t) = ln(1 + e^-t).

    D: f(D(x)) + f(-D(G(z)))          G: f(D(G(z)))

The generator raises the probability of being taken for real, where the minimax form would lower that of being found
out: the gradient does not vanish while the discriminator is winning.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from modalities.adversarial.losses._mean import Logits, mean


@dataclass(frozen=True)
class NonSaturating:
    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        return mean([softplus(-r) for r in real]) + mean([softplus(f) for f in fake])

    def generator(self, fake: Logits, real: Logits | None = None) -> Tensor:
        return mean([softplus(-f) for f in fake])


non_saturating = NonSaturating
