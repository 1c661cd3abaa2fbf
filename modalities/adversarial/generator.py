"""The generator of a GAN: z (B, latent) and a label -> x0 (B, *event), for events of one to three axes.

    h = basis * W [z, e(label)]  ->  [blocks, larger] per level, coarsest first  ->  1x1 to patches  ->  unfold

The basis is a learned map of the coarsest size, each of whose channels z scales (Huang et al. 2024, app.; Karras et
al. 2019 for the learned start). No normalisation, see `blocks`; the output is linear.
"""

import math

import torch
from torch import Tensor, nn

from modalities.adversarial.blocks import GAIN, Block, act, axes, conv, larger
from modalities.adversarial.folding import unfold
from modalities.adversarial.plan import Plan


class Generator(nn.Module):
    """`forward(z (B, latent), label (B,) int64 or None) -> (B, *event)`; label -1 is none."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        channels, count = plan.channels, sum(plan.depth)
        self.basis = nn.Parameter(torch.randn(channels[-1], *plan.coarsest))
        self.label = nn.Embedding(plan.classes + 1, plan.latent) if plan.classes else None
        inputs = plan.latent * (2 if plan.classes else 1)
        self.start = nn.Linear(inputs, channels[-1])
        nn.init.normal_(self.start.weight, std=1 / math.sqrt(inputs))
        nn.init.zeros_(self.start.bias)
        self.levels = nn.ModuleList(
            nn.Sequential(*[Block(plan.rank, C, count=count) for _ in range(n)])
            for C, n in zip(channels, plan.depth, strict=True)
        )
        self.up = nn.ModuleList(conv(plan.rank, channels[i + 1], channels[i], 1) for i in range(len(channels) - 1))
        self.head = conv(plan.rank, channels[0], plan.folded, 3, gain=GAIN)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.label is not None:
            known = torch.full((len(z),), -1, device=z.device) if label is None else label
            z = torch.cat([z, self.label(torch.where(known < 0, self.plan.classes, known))], dim=1)
        scale = self.start(z).reshape(len(z), -1, *[1] * (self.basis.ndim - 1))
        h = self.basis * scale
        for i, blocks in reversed(list(enumerate(self.levels))):
            h = blocks(h)
            if i > 0:
                h = larger(self.up[i - 1](h), axes(self.plan.factor, self.plan.rank))
        size = self.plan.event_shape[1:]
        x = unfold(self.head(act(h)), self.plan.folding, (1, *size) if self.plan.rank == 1 else size)
        return x.squeeze(2) if self.plan.rank == 1 else x
