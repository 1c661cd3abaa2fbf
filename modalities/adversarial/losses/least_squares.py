"""The least-squares loss (Mao et al. 2017, with 0 for made and 1 for real), that of most vocoders (Kong et al. 2020).

D: (D(x) - 1)^2 + D(G(z))^2          G: (D(G(z)) - 1)^2
"""

from dataclasses import dataclass

from torch import Tensor

from modalities.adversarial.losses._mean import Logits, mean


@dataclass(frozen=True)
class LeastSquares:
    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        return mean([(r - 1).square() for r in real]) + mean([f.square() for f in fake])

    def generator(self, fake: Logits, real: Logits | None = None) -> Tensor:
        return mean([(f - 1).square() for f in fake])


least_squares = LeastSquares
