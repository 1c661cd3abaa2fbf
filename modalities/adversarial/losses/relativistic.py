"""The relativistic pairing loss (Jolicoeur-Martineau 2019; Huang et al. 2024), f(t) = ln(1 + e^-t).

    D: f(D(x) - D(G(z)))          G: f(D(G(z)) - D(x))

Each fake is judged beside a real example, so a generator that drops a mode is still found out by the reals of that
mode; with R1 and R2 it converges locally (Huang et al. 2024, sec. 2). Real and fake are paired by row: of one class.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from modalities.adversarial.losses._mean import Logits, given, mean


@dataclass(frozen=True)
class Relativistic:
    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        return mean([softplus(f - r) for r, f in zip(real, fake, strict=True)])

    def generator(self, fake: Logits, real: Logits | None = None) -> Tensor:
        return mean([softplus(r - f) for r, f in zip(given(real), fake, strict=True)])


relativistic = Relativistic
