"""An encoder of text that is given as pieces of bytes, one token per piece.

    w_i = W2 silu(W1 sum_j table[byte_ij, j] / sqrt(length))         j: place of a byte within its piece
    h   = w + position;  layers of  h + W_o attention(norm(h)),  h + W_4 gelu(W_3 norm(h))
    token = W norm(h)

Attention is over the pieces that there are, with normalised queries and keys as in `attention`. The branches of the
layers start at zero, so the encoder starts as a bag of words, which is already half of what a caption says.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.attention import heads_of
from modalities.nn.convolution import linear
from modalities.nn.norm import normalise

HEAD = 32


class Layer(nn.Module):
    """`forward(h (B, L, width), mask (B, 1, 1, L)) -> h`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = heads_of(width, HEAD)
        self.gain = nn.Parameter(torch.ones(width // self.heads))
        self.qkv = linear(width, 3 * width)
        self.out = linear(width, width, zero=True)
        self.up = linear(width, 2 * width)
        self.down = linear(2 * width, width, zero=True)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        B, L, width = h.shape
        qkv = self.qkv(normalise(h)).view(B, L, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # axes: B head token d
        q, k = normalise(q, self.gain), normalise(k)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        h = h + self.out(y.transpose(1, 2).reshape(B, L, width))
        return h + self.down(functional.gelu(self.up(normalise(h))))


class Words(nn.Module):
    """`forward(rows (B, length, piece) int64) -> tokens (B, length, channels), mask (B, length)`; -1 is no byte."""

    def __init__(self, channels: int, *, length: int, piece: int, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(256 * piece, width)
        self.embed_positions = nn.Parameter(torch.randn(length, width) / math.sqrt(width))
        self.mix1 = linear(width, 2 * width)
        self.mix2 = linear(2 * width, width)
        self.layers = nn.ModuleList(Layer(width) for _ in range(layers))
        self.out = linear(width, channels)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        there = rows >= 0  # (B, length, piece)
        mask = there.any(dim=2)
        place = torch.arange(rows.shape[2], device=rows.device)
        bytes_ = self.embed(torch.where(there, rows + 256 * place, 0)) * there[..., None]
        w = bytes_.sum(2) / there.sum(2, keepdim=True).clamp(min=1).sqrt()
        h = self.mix2(functional.silu(self.mix1(w))) + self.embed_positions
        first = torch.arange(rows.shape[1], device=rows.device) == 0
        attended = (mask | first)[:, None, None, :]  # without any text, the first: a softmax over nothing is NaN
        for layer in self.layers:
            h = layer(h, attended)
        return self.out(normalise(h)), mask
