"""Attention of the positions of a map to the tokens of a condition (Vaswani 2017; in diffusion, Rombach 2022).

    x + W_o softmax(q k^T / sqrt(d)) v,    q = gain * norm(W_q norm(x)), k = norm(W_k norm(c)), v = W_v norm(c)

over the tokens c that the mask lets through, of which there is always one. Queries and keys are normalised as in
`attention`; W_o starts at zero: the layer starts as the identity.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.attention import heads_of
from modalities.nn.convolution import linear
from modalities.nn.norm import Norm, normalise


class Tokens(NamedTuple):
    """What there is to attend to: tokens (B, L, channels) and mask (B, L) bool, False for padding."""

    tokens: Tensor
    mask: Tensor


class CrossAttention(nn.Module):
    """`forward(x (N, C, H, W), tokens of B rows) -> x`; N is a multiple of B: the frames of a clip share a row."""

    def __init__(self, channels: int, head_channels: int, token_channels: int) -> None:
        super().__init__()
        self.heads = heads_of(channels, head_channels)
        self.norm = Norm(channels)
        self.q = linear(channels, channels)
        self.kv = linear(token_channels, 2 * channels)
        self.gain = nn.Parameter(torch.ones(channels // self.heads))
        self.out = linear(channels, channels, zero=True)

    def forward(self, x: Tensor, given: Tokens) -> Tensor:
        N, C, H, W = x.shape
        B, L = given.mask.shape
        q = self.q(self.norm(x).permute(0, 2, 3, 1).reshape(N, H * W, C))  # no copy where x is channels-last
        q = q.view(B, N // B * H * W, self.heads, -1).transpose(1, 2)  # axes: B head frame*position d
        kv = self.kv(normalise(given.tokens)).view(B, L, 2, self.heads, -1)
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)  # axes: B head token d
        q, k = normalise(q, self.gain), normalise(k)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=given.mask[:, None, None, :])
        y = self.out(y.transpose(1, 2).reshape(N, H, W, C))
        return x + y.permute(0, 3, 1, 2)
