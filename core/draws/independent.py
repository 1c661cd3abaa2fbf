"""Independent uniform draws, as the algorithms of most papers say (Ho et al. 2020, algorithm 1)."""

import torch
from torch import Tensor

from core.draws import inside


def independent(n: int, generator: torch.Generator, device: torch.device | str | None = None, step: int = 0) -> Tensor:
    """`(n,)` float32 draws, strictly inside (0, 1); a CPU generator gives the same ones on every device."""
    u = torch.rand(n, generator=generator, device=generator.device, dtype=torch.float32)
    return inside(u).to(device or generator.device)
