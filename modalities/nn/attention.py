"""Self-attention among the positions of a map, with normalised queries and keys (Henry 2020; Dehghani 2023).

    x + W_o softmax(q k^T / sqrt(d)) v,    q = gain * norm(W_q norm(x)), k = norm(W_k norm(x)), v = W_v norm(x)

The logits are at most gain * sqrt(d), so that bfloat16 cannot run away. W_o starts at zero: the layer starts as the
identity.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.convolution import linear
from modalities.nn.norm import Norm, normalise


def heads_of(channels: int, head_channels: int) -> int:
    """The most heads that divide the channels and have at least `head_channels` each; one where there are fewer."""
    return max(h for h in range(1, max(1, channels // head_channels) + 1) if channels % h == 0)


class Attention(nn.Module):
    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.heads = heads_of(channels, head_channels)
        self.norm = Norm(channels)
        self.qkv = linear(channels, 3 * channels)
        self.gain = nn.Parameter(torch.ones(channels // self.heads))
        self.out = linear(channels, channels, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        N, C, H, W = x.shape
        tokens = self.norm(x).permute(0, 2, 3, 1).reshape(N, H * W, C)  # no copy where x is channels-last
        qkv = self.qkv(tokens).view(N, H * W, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # axes: N head position d
        y = functional.scaled_dot_product_attention(normalise(q, self.gain), normalise(k), v)
        y = self.out(y.transpose(1, 2).reshape(N, H, W, C))
        return x + y.permute(0, 3, 1, 2)
