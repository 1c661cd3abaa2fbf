"""The critic of a GAN: x0 (B, *event) and a label -> one logit per example; the generator's mirror image.

    fold -> stem -> [blocks, smaller] per level -> h, a weighted sum over the positions -> <w, h> + b + <e(label), h>/√C

The last term is the projection of the label (Miyato & Koyama 2018). One example's logit depends on that example
alone, as the gradient penalty wants it.
"""

import torch
from torch import Tensor, nn

from modalities.adversarial.blocks import GAIN, Block, act, axes, conv, smaller
from modalities.adversarial.discriminators._judge import Projection
from modalities.adversarial.folding import fold
from modalities.adversarial.plan import Plan


class Critic(nn.Module):
    """`forward(x (B, *event), label (B,) int64 or None) -> [logits (B, 1)]`; label -1 is none."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        channels, count = plan.channels, sum(plan.depth)
        self.stem = conv(plan.rank, plan.folded, channels[0], 3)
        self.levels = nn.ModuleList(
            nn.Sequential(*[Block(plan.rank, C, count=count) for _ in range(n)])
            for C, n in zip(channels, plan.depth, strict=True)
        )
        self.down = nn.ModuleList(conv(plan.rank, channels[i], channels[i + 1], 1) for i in range(len(channels) - 1))
        positions = torch.tensor(plan.coarsest).prod().item()
        self.weigh = nn.Parameter(torch.randn(channels[-1], *plan.coarsest) * GAIN / positions**0.5)
        self.project = Projection(channels[-1], plan.classes)

    def forward(self, x: Tensor, label: Tensor | None = None) -> list[Tensor]:
        x = x.unsqueeze(2) if self.plan.rank == 1 else x
        h = self.stem(fold(x, self.plan.folding))
        for i, blocks in enumerate(self.levels):
            h = blocks(h)
            if i < len(self.down):
                h = self.down[i](smaller(h, axes(self.plan.factor, self.plan.rank)))
        h = (act(h) * self.weigh).flatten(2).sum(-1)
        return [self.project(h.unsqueeze(-1), label)[..., 0].reshape(len(x), 1)]
