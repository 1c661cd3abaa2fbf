"""Attention is the textbook sum over positions, starts as the identity, and has no notion of order."""

import torch

from modalities.nn.attention import Attention, heads_of
from modalities.nn.norm import normalise


def awake(channels, head_channels):
    attention = Attention(channels, head_channels).double()
    torch.nn.init.normal_(attention.out.weight, std=0.3)
    torch.nn.init.normal_(attention.gain, mean=1.0, std=0.5)
    return attention


def test_starts_as_the_identity():
    x = torch.randn(2, 16, 3, 5)
    assert torch.equal(Attention(16, 8)(x), x)


def test_equals_the_formula():
    attention = awake(12, 4)
    x = torch.randn(2, 12, 3, 2, dtype=torch.float64)
    tokens = attention.norm(x).flatten(2).transpose(1, 2)  # (2, 6, 12)
    q, k, v = attention.qkv(tokens).chunk(3, dim=-1)
    out = torch.zeros_like(tokens)
    for h in range(3):
        s = slice(4 * h, 4 * h + 4)
        logits = (normalise(q[..., s]) * attention.gain) @ normalise(k[..., s]).transpose(1, 2) / 2
        out[..., s] = logits.softmax(-1) @ v[..., s]
    expected = x + attention.out(out).transpose(1, 2).unflatten(2, (3, 2))
    torch.testing.assert_close(attention(x), expected)


def test_permuting_positions_permutes_the_result():
    attention = awake(8, 8)
    x = torch.randn(1, 8, 1, 10, dtype=torch.float64)
    order = torch.randperm(10)
    torch.testing.assert_close(attention(x[..., order]), attention(x)[..., order])


def test_heads_divide_the_channels_and_are_wide_enough():
    assert [heads_of(c, 32) for c in (16, 32, 96, 112, 256)] == [1, 1, 3, 2, 8]
