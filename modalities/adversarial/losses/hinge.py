"""The hinge loss (Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17).

    D: max(0, 1 - D(x)) + max(0, 1 + D(G(z)))          G: -D(G(z))

Once a logit is on its side by more than 1 the discriminator learns nothing more from it.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu

from modalities.adversarial.losses._mean import Logits, mean


@dataclass(frozen=True)
class Hinge:
    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        return mean([relu(1 - r) for r in real]) + mean([relu(1 + f) for f in fake])

    def generator(self, fake: Logits, real: Logits | None = None) -> Tensor:
        return -mean(fake)


hinge = Hinge
