"""Uniform draws, stratified over the batch to cut the variance of the loss.

    u_pi(i) = (i + r_i) / n,      r_i ~ U(0, 1),  pi a random permutation

Every u is uniform on its own, and each of the n strata holds exactly one. Kingma et al. (2021, app. I.1) share one r
(see `lattice`); a fresh r per stratum leaves no lattice, and the permutation ties no stratum to a place in the batch.
"""

import torch
from torch import Tensor

from core.draws import inside


def stratified(n: int, generator: torch.Generator, device: torch.device | str | None = None, step: int = 0) -> Tensor:
    """`(n,)` float32 draws, strictly inside (0, 1); a CPU generator gives the same ones on every device."""
    source = generator.device
    strata = torch.randperm(n, generator=generator, device=source)
    u = (strata + torch.rand(n, generator=generator, device=source, dtype=torch.float32)) / n
    return inside(u).to(device or source)  # the last u may round to 1
