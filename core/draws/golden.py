"""A sequence that is even over the steps, not only over a batch: the golden rotation (Weyl 1916; Kronecker).

    u_k = (r + k phi) mod 1,      phi = (sqrt 5 - 1) / 2,  k = step n + i counts the examples of the whole training

Any run of N consecutive examples has discrepancy O(log N / N), where independent draws have O(N^-1/2): small batches
cover the times together. `stratified` and `lattice` start anew with every batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.draws import inside
from core.training.seeds import seed_of

ROTATION = 0x9E3779B97F4A7C15
"""phi in units of 2^-64: integer arithmetic, which wraps as the circle does, stays exact after any number of steps."""


@dataclass(frozen=True)
class Golden:
    """`draws(n, generator, device, step) -> (n,)` float32. seed: r is a function of it alone; the generator is not
    used, since a new r in every step would undo the sequence. Raises ValueError where seed is negative."""

    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"draws golden: seed must not be negative, got {self.seed}")

    def __call__(
        self, n: int, generator: torch.Generator, device: torch.device | str | None = None, step: int = 0
    ) -> Tensor:
        start = seed_of(self.seed) * 2 + step * n * ROTATION
        turns = torch.tensor([(start + i * ROTATION) % 2**64 >> 40 for i in range(n)], dtype=torch.float32)
        return inside((turns + 0.5) / 2**24).to(device or generator.device)


golden = Golden
