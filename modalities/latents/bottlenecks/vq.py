"""Vector quantisation: every position of z is the nearest of a list of learned codes (van den Oord et al. 2017).

    z = e_k,  k = argmin_j |h - e_j|,        loss = beta mean |h - sg(e_k)|^2  [+ mean |sg(h) - e_k|^2]

The gradient is copied from z to h (eq. 1 and 3). Codes are learned by the second term (update=gradient) or follow the
vectors that chose them (update=ema; app. A.1, which forgets with `decay`). A code that is hardly chosen any more takes
the place of a vector of the batch (as in Dhariwal et al. 2020, sec. 3.1): otherwise most would die early.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, one_hot

from core.training.distributed import everyone
from modalities.latents.autoencoder import Coded
from modalities.latents.bottlenecks._use import perplexity

UPDATES = ("ema", "gradient")


class Vq(nn.Module):
    """codes: how many; channels: of each, few (4 to 8), or most stay unused (Yu et al. 2022, sec. 3.2); commitment:
    beta; decay: share of the past in the averages; restart: a code used less than this share of the even one is moved.

    Raises ValueError where out of range.
    """

    used: Tensor
    sums: Tensor

    def __init__(
        self,
        *,
        codes: int = 512,
        channels: int = 4,
        commitment: float = 0.25,
        update: str = "ema",
        decay: float = 0.99,
        restart: float = 0.03,
    ) -> None:
        super().__init__()
        if codes < 2 or channels < 1 or not (commitment >= 0 and 0 <= decay < 1 and 0 <= restart < 1):
            raise ValueError(
                "bottleneck vq: needs codes >= 2, channels >= 1, commitment >= 0, decay and restart in [0, 1), got "
                f"{codes}, {channels}, {commitment}, {decay} and {restart}"
            )
        if update not in UPDATES:
            raise ValueError(f"bottleneck vq: update must be one of {', '.join(UPDATES)}, got {update!r}")
        self.codes, self.channels, self.in_channels = codes, channels, channels
        self.commitment, self.update, self.decay, self.restart = commitment, update, decay, restart
        self.embed = nn.Parameter(torch.randn(codes, channels), requires_grad=update == "gradient")
        self.register_buffer("used", torch.zeros(codes))  # vectors per step that chose it, averaged; 0: as if dead
        self.register_buffer("sums", torch.zeros(codes, channels))

    def noise(self, batch: int, size: Sequence[int], generator: torch.Generator, mine: slice) -> Tensor:
        """(b, codes) uniform in [0, 1): the first row says which vectors of the batch take the place of dead codes."""
        return torch.rand(batch, self.codes, generator=generator, device=generator.device)[mine]

    def forward(self, h: Tensor, noise: Tensor, numbers: int) -> Coded:
        if self.training:
            self._revive(vectors_of(everyone(h.detach())), everyone(noise[:1])[0])
        k = self.nearest(vectors_of(h))
        z = embedding(k, self.embed)
        z = z.unflatten(0, (len(h), *h.shape[2:])).movedim(-1, 1)
        loss = self.commitment * (h - z.detach()).square().flatten(1).mean(1)
        if self.update == "gradient":
            loss = loss + (h.detach() - z).square().flatten(1).mean(1)
        counts = torch.bincount(k, minlength=self.codes)
        if self.training:
            self._follow(vectors_of(h.detach()), k)
        return Coded(h + (z - h).detach(), loss, {"perplexity": perplexity(counts)})

    def encode(self, h: Tensor) -> Tensor:
        return self.of(self.indices(h))

    def indices(self, h: Tensor) -> Tensor:
        """h or z (B, channels, *size) -> the number of the nearest code, (B, *size) int64."""
        vectors = h.float().movedim(1, -1)
        return self.nearest(vectors.flatten(0, -2)).unflatten(0, vectors.shape[:-1])

    def of(self, indices: Tensor) -> Tensor:
        """(B, *size) -> the codes z (B, channels, *size)."""
        return self.embed[indices].movedim(-1, 1)

    def nearest(self, vectors: Tensor) -> Tensor:
        """(n, channels) -> (n,) int64: argmin of |v - e|^2 = |v|^2 - 2 v e + |e|^2, less the first term."""
        codes = self.embed.detach()
        return torch.argmin(codes.square().sum(1) - 2 * vectors.detach() @ codes.T, dim=1)

    @torch.no_grad()
    def _revive(self, vectors: Tensor, noise: Tensor) -> None:
        """Put codes that are hardly used where vectors of the global batch lie, with the use of an average one."""
        even = len(vectors) / self.codes
        dead = self.used < self.restart * even if self.restart else self.used == 0
        candidates = vectors[(noise * len(vectors)).long()]
        self.embed.copy_(torch.where(dead[:, None], candidates, self.embed))
        self.used.copy_(torch.where(dead, even, self.used))
        self.sums.copy_(torch.where(dead[:, None], even * self.embed, self.sums))

    @torch.no_grad()
    def _follow(self, vectors: Tensor, k: Tensor) -> None:
        """Average how often each code was chosen, and by which vectors; with update=ema the code is their mean."""
        chosen = one_hot(k, self.codes).to(vectors.dtype)
        counts = everyone(chosen.sum(0, keepdim=True)).sum(0)
        sums = everyone((chosen.T @ vectors).unsqueeze(0)).sum(0)
        self.used.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        if self.update == "ema":
            self.embed.copy_(self.sums / self.used.clamp_min(1e-6)[:, None])


def vectors_of(h: Tensor) -> Tensor:
    """(B, channels, *size) -> (B * positions, channels)."""
    return h.movedim(1, -1).flatten(0, -2)


vq = Vq
