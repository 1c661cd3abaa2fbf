"""What one batch is asked: times from a density, noise, dropped labels, and the denoising loss of the result."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.denoiser import Condition, Denoiser
from core.losses.denoising import denoising_loss
from core.schedule import Schedule
from core.training.times import stratified

NO_LABEL = -1
"""The label that stands for «no label» in `cond["label"]`; the unconditional model of classifier-free guidance."""


@dataclass(frozen=True)
class Objective:
    """`objective.draw(schedule, x0, cond, generator)`, then `objective(denoiser, x0, t, eps, cond) -> (B,)` losses.

    `density(u, schedule)` maps stratified uniforms to times, `weighting(log_snr)` weighs the squared x0 error, and
    `label_dropout` is the share of labels replaced by `NO_LABEL` (Ho & Salimans 2022, algorithm 1).
    """

    density: Callable[[Tensor, Schedule], Tensor]
    weighting: Callable[[Tensor], Tensor]
    label_dropout: float = 0.1

    def draw(
        self,
        schedule: Schedule,
        x0: Tensor,
        cond: Condition,
        generator: torch.Generator,
        *,
        rank: int = 0,
        ranks: int = 1,
    ) -> tuple[Tensor, Tensor, Condition]:
        """Times (B,), noise (B, *event) and the condition with some labels dropped: all that is random in a step.

        Process r of R holds rows r, r + R, ... of the global batch. Everyone draws for the whole of it and keeps its
        rows: so R processes train on the numbers that one would have drawn, and times are stratified over all of them.
        """
        n, device, mine = len(x0) * ranks, x0.device, slice(rank, None, ranks)
        t = self.density(stratified(n, generator, device)[mine], schedule)
        eps = torch.randn((n, *x0.shape[1:]), generator=generator, device=device, dtype=x0.dtype)[mine]
        if cond is not None and "label" in cond and self.label_dropout > 0:
            drop = (torch.rand(n, generator=generator, device=device) < self.label_dropout)[mine]
            cond = {**cond, "label": cond["label"].masked_fill(drop, NO_LABEL)}
        return t, eps, cond

    def __call__(self, denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor, cond: Condition) -> Tensor:
        return denoising_loss(denoiser, x0, t, eps, self.weighting, cond)
