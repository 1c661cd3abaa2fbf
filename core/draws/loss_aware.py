"""Loss-aware importance sampling of the times (Nichol & Dhariwal 2021, eq. 18), in continuous time.

    p_k ~ sqrt(E[L^2 | u in bin k]),      loss weight 1 / (K p_k)

over K bins of equal mass of whatever density the times come from. The weight leaves the expected loss as it is; its
variance falls, which for the ELBO is what makes it trainable. E[L^2] is over the last `history` losses of the bin, and
draws stay uniform until every bin has as many, as in the paper.
"""

import torch
from torch import Tensor, nn

from core.draws import inside
from core.draws.stratified import stratified
from core.training.distributed import everyone


class LossAware(nn.Module):
    """`draws(n, generator, device, step) -> (n,)` float32, stratified; then `weight(u)` and, after the step,
    `observe(u, losses)`, with the losses before that weight. The history is the module's state.

    bins: K; the paper has one per discrete step. uniform: share of draws that stays uniform, which bounds the weight by
    1 / uniform. Raises ValueError for bins or history below 1 and uniform outside (0, 1].
    """

    def __init__(self, bins: int = 64, history: int = 10, uniform: float = 0.001) -> None:
        super().__init__()
        if not (bins >= 1 and history >= 1 and 0 < uniform <= 1):
            raise ValueError(
                "draws loss_aware: needs bins >= 1, history >= 1 and 0 < uniform <= 1, "
                f"got {bins}, {history} and {uniform}"
            )
        self.uniform = uniform
        self.losses: Tensor
        self.seen: Tensor
        self.register_buffer("losses", torch.zeros(bins, history, dtype=torch.float32))
        self.register_buffer("seen", torch.zeros(bins, dtype=torch.int64))

    def probabilities(self) -> Tensor:
        """p (K,), summing to 1."""
        bins, history = self.losses.shape
        flat = torch.full_like(self.losses[:, 0], 1 / bins)
        rms = (self.losses**2).mean(1).sqrt()
        known = (self.seen >= history).all() & (rms.sum() > 0)
        aware = torch.where(known, rms / rms.sum().clamp_min(torch.finfo(rms.dtype).tiny), flat)
        return (1 - self.uniform) * aware + self.uniform * flat

    def forward(
        self, n: int, generator: torch.Generator, device: torch.device | str | None = None, step: int = 0
    ) -> Tensor:
        even = stratified(n, generator, self.losses.device)
        p = self.probabilities()
        ends = p.cumsum(0)
        k = torch.searchsorted(ends[:-1].contiguous(), even, right=True)
        within = ((even - (ends - p)[k]) / p[k]).clamp(0, 1)  # the quantile function, linear within a bin
        return inside((k + within) / len(p)).to(device or generator.device)

    def weight(self, u: Tensor) -> Tensor:
        """1 / (K p_k): u (B,) -> (B,), the density of uniform draws over that of these."""
        p = self.probabilities().to(u.device)
        return 1 / (len(p) * p[self._bin(u)])

    @torch.no_grad()
    def observe(self, u: Tensor, losses: Tensor) -> None:
        """Remember the losses (B,) at u (B,), of all processes; the oldest of a bin are forgotten."""
        device, (bins, history) = self.losses.device, self.losses.shape
        u, losses = everyone(u).to(device), everyone(losses.float()).to(device)
        k = self._bin(u)
        mine = torch.nn.functional.one_hot(k, bins)
        order = (mine.cumsum(0) - 1).gather(1, k[:, None])[:, 0]  # the how-manieth of its bin in this batch
        count = mine.sum(0)
        kept = order >= count[k] - history  # more than fit: the last ones stay, so that no slot is written twice
        slot = torch.where(kept, k * history + (self.seen[k] + order) % history, bins * history)
        self.losses = torch.cat([self.losses.flatten(), losses[:1]]).index_put((slot,), losses)[:-1].view(bins, history)
        self.seen = self.seen + count

    def _bin(self, u: Tensor) -> Tensor:
        bins = len(self.losses)
        return (u * bins).long().clamp(0, bins - 1)


loss_aware = LossAware
