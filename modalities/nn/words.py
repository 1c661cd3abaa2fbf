"""An encoder of text that is given as pieces of bytes, one token per piece.

    w_i = W2 silu(W1 sum_j table[byte_ij, j] / sqrt(length))         j: place of a byte within its piece
    h_i = w_i + sum_k a_k * w_{i+k} + position_i                     k = -2, -1, 1, 2
    layers of  h + W_o attention(norm(h)),  h + W_4 gelu(W_3 norm(h))
    token = W norm(h)

What belongs together stands together («a small red circle»): by the a_k, a gain per channel that is drawn at random, a
noun knows its adjectives from the first step, where attention would first have to find out where to look.

Attention is over the pieces that there are, with normalised queries and keys as in `attention`. The branches of the
layers start at zero, so the encoder starts as a bag of phrases, which is already half of what a caption says.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.attention import heads_of
from modalities.nn.convolution import linear
from modalities.nn.norm import normalise

HEAD = 32
REACH = 2
"""Pieces before and after each that it knows from the start."""


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
        self.embed_neighbours = nn.Parameter(torch.randn(2 * REACH, width) / 2)
        self.layers = nn.ModuleList(Layer(width) for _ in range(layers))
        self.out = linear(width, channels)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        there = rows >= 0  # (B, length, piece)
        mask = there.any(dim=2)
        place = torch.arange(rows.shape[2], device=rows.device)
        bytes_ = self.embed(torch.where(there, rows + 256 * place, 0)) * there[..., None]
        w = bytes_.sum(2) / there.sum(2, keepdim=True).clamp(min=1).sqrt()
        w = self.mix2(functional.silu(self.mix1(w))) * mask[..., None]
        h = w + self._around(w) + self.embed_positions
        first = torch.arange(rows.shape[1], device=rows.device) == 0
        attended = (mask | first)[:, None, None, :]  # without any text, the first: a softmax over nothing is NaN
        for layer in self.layers:
            h = layer(h, attended)
        return self.out(normalise(h)), mask

    def _around(self, w: Tensor) -> Tensor:
        """The pieces around each, (B, length, width) to the same; beyond the ends, and where there is none, is zero."""
        L = w.shape[1]
        padded = functional.pad(w, (0, 0, REACH, REACH))
        shifts = [k for k in range(2 * REACH + 1) if k != REACH]
        parts = (a * padded[:, k : k + L] for k, a in zip(shifts, self.embed_neighbours, strict=True))
        return torch.stack(list(parts)).sum(0)
