"""Group normalisation (Wu & He 2018) with an optional modulation by the condition (Dhariwal & Nichol 2021, AdaGN).

y = scale * (x - mean_g) / sqrt(var_g + eps) + shift          statistics over the maps of one group of channels
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def groups_of(channels: int) -> int:
    """At most 32 groups of at least 4 channels, dividing the channels."""
    return max(g for g in range(1, 33) if channels % g == 0 and (g == 1 or channels // g >= 4))


class Norm(nn.GroupNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(groups_of(channels), channels, eps=1e-5)

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """x (N, C, H, W), modulation (N, 2C): scale - 1 and shift."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        y = functional.group_norm(x, self.num_groups, weight, bias, self.eps).to(x.dtype)
        if modulation is None:
            return y
        scale, shift = modulation.to(x.dtype)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, y, scale + 1)
