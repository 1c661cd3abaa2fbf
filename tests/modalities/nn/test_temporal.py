"""Mixing along time: rotary positions are relative, convolution is the 3-D one, stills stay bit for bit."""

import pytest
import torch
from torch.nn import functional

from modalities.nn.norm import normalise
from modalities.nn.temporal import Clip, Temporal, TemporalAttention, TemporalConv, rotate


def awake(module):
    for p in module.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.3)
    return module.double()


def maps(B, T, C, H, W):
    return torch.randn(B * T, C, H, W, dtype=torch.float64)


def test_rotation_keeps_lengths_and_sees_only_differences_of_frame_numbers():
    q, k = torch.randn(2, 8, dtype=torch.float64)
    turned_q, turned_k = rotate(q.expand(12, 8)), rotate(k.expand(12, 8))
    torch.testing.assert_close(turned_q.norm(dim=1), q.norm().expand(12), rtol=1e-6, atol=0)
    products = turned_q @ turned_k.T
    for offset in range(-5, 6):
        diagonal = products.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-5)
    assert (products[0] - products[0, 0]).abs()[1:].min() > 1e-3


def test_convolution_is_the_three_dimensional_one():
    layer = awake(TemporalConv(6, 3))
    x = maps(2, 5, 6, 3, 4)
    clip = functional.silu(layer.norm(x)).unflatten(0, (2, 5)).transpose(1, 2)  # axes: B C T H W
    kernel = layer.taps.weight.unflatten(1, (3, 6)).transpose(1, 2)[..., None, None]  # axes: out in T 1 1
    y = functional.conv3d(clip, kernel, layer.taps.bias, padding=(1, 0, 0))
    torch.testing.assert_close(layer(x, Clip(5, None)), x + y.transpose(1, 2).flatten(0, 1))


def test_attention_equals_the_formula():
    layer = awake(TemporalAttention(8, 4))
    B, T, H, W = 2, 3, 2, 2
    x = maps(B, T, 8, H, W)
    qkv = layer.qkv(layer.norm(x).permute(0, 2, 3, 1)).view(B, T, H, W, 3, 2, 4)
    y = torch.zeros(B, T, H, W, 2, 4, dtype=torch.float64)
    for head in range(2):
        q, k, v = qkv[..., head, :].unbind(4)  # each (B, T, H, W, 4)
        q, k = (rotate(z.movedim(1, 3)) for z in (normalise(q) * layer.gain, normalise(k)))  # (B, H, W, T, 4)
        weights = (q @ k.transpose(-1, -2) / 2).softmax(-1)
        y[..., head, :] = (weights @ v.movedim(1, 3)).movedim(3, 1)
    expected = x + layer.out(y.flatten(-2)).flatten(0, 1).permute(0, 3, 1, 2)
    torch.testing.assert_close(layer(x, Clip(T, None)), expected, rtol=1e-5, atol=1e-6)  # the angles are float32


@pytest.mark.parametrize("layer", [TemporalConv(8, 3), TemporalAttention(8, 4)], ids=["conv", "attention"])
def test_starts_as_the_identity_and_stills_stay_it(layer):
    x = torch.randn(3 * 4, 8, 2, 2)
    assert torch.equal(layer(x, Clip(4, None)), x)
    x = x.double()
    y = awake(layer)(x, Clip(4, torch.tensor([True, False, True])))
    changed = (y != x).unflatten(0, (3, 4)).flatten(1).any(1)
    assert changed.tolist() == [True, False, True]
    alone = layer(x, Clip(4, None))
    torch.testing.assert_close(y[:4], alone[:4])


def test_how_far_one_frame_reaches():
    x = maps(1, 7, 8, 2, 2)
    poked = x.clone()
    poked[3] += torch.randn(8, 2, 2)

    def reached(layer):
        return (layer(x, Clip(7, None)) != layer(poked, Clip(7, None))).flatten(1).any(1).nonzero().flatten().tolist()

    assert reached(awake(TemporalConv(8, 3))) == [2, 3, 4]
    assert reached(awake(TemporalConv(8, 5))) == [1, 2, 3, 4, 5]
    assert reached(awake(TemporalAttention(8, 4))) == list(range(7))


def test_positions_do_not_mix():
    layer = awake(Temporal(8, kernel=3, attention=True, head_channels=4))
    x = maps(1, 4, 8, 2, 2)
    poked = x.clone()
    poked[..., 0, 1] += 1
    differs = (layer(x, Clip(4, None)) != layer(poked, Clip(4, None))).any(0).any(0)
    assert differs.tolist() == [[False, True], [False, False]]


def test_one_frame_is_a_still():
    layer = awake(Temporal(8, kernel=3, attention=True, head_channels=4))
    x = maps(3, 1, 8, 2, 2)
    assert torch.equal(layer(x, Clip(1, None)), x)
