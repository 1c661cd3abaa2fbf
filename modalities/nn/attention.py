"""Self-attention among the positions of a map, with normalised queries and keys (Henry 2020; Dehghani 2023).

    x + W_o softmax(q k^T / sqrt(d)) v,    q, k = rms_norm(W_q n(x)), rms_norm(W_k n(x))

W_o starts at zero: at the start the layer is the identity.
"""

from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.convolution import linear
from modalities.nn.norm import Norm


def heads_of(channels: int, head_channels: int) -> int:
    """The number of heads; fewer channels than one head make one smaller head."""
    heads = max(1, channels // head_channels)
    if channels % heads:
        raise ValueError(
            f"head_channels={head_channels} does not divide the {channels} channels of a level with attention"
        )
    return heads


class Attention(nn.Module):
    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.heads = heads_of(channels, head_channels)
        self.norm = Norm(channels)
        self.query_norm = nn.RMSNorm(channels // self.heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(channels // self.heads, eps=1e-6)
        self.qkv = linear(channels, 3 * channels)
        self.out = linear(channels, channels, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        N, C, H, W = x.shape
        tokens = self.norm(x).permute(0, 2, 3, 1).reshape(N, H * W, C)  # no copy where x is channels-last
        qkv = self.qkv(tokens).view(N, H * W, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # axes: N head position d
        y = functional.scaled_dot_product_attention(self.query_norm(q).to(v.dtype), self.key_norm(k).to(v.dtype), v)
        y = self.out(y.transpose(1, 2).reshape(N, H, W, C))
        return x + y.permute(0, 3, 1, 2)
