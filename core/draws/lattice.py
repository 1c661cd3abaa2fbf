"""One draw, shifted around the circle (Kingma et al. 2021, app. I.1: their low-discrepancy sampler).

    u_i = (r + i / n) mod 1,      r ~ U(0, 1)

The most even batch there is: the error of a mean of a smooth periodic function is that of the rectangle rule.
"""

import torch
from torch import Tensor

from core.draws import inside


def lattice(n: int, generator: torch.Generator, device: torch.device | str | None = None, step: int = 0) -> Tensor:
    """`(n,)` float32 draws, strictly inside (0, 1); a CPU generator gives the same ones on every device."""
    source = generator.device
    shift = torch.rand((), generator=generator, device=source, dtype=torch.float32)
    return inside((shift + torch.arange(n, device=source, dtype=torch.float32) / n) % 1).to(device or source)
