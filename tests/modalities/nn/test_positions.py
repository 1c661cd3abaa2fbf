"""Position features: known values, nothing at the start, and afterwards what a convolution alone cannot know."""

import math

import pytest
import torch

from modalities.image.network import ImageUNet
from modalities.nn.positions import Positions, waves


def test_waves_are_half_a_turn_per_axis_and_its_octaves():
    got = waves(4, 2, torch.device("cpu"))
    u = torch.tensor([0.125, 0.375, 0.625, 0.875])
    want = torch.stack([f(k * math.pi * u) for f in (torch.sin, torch.cos) for k in (1, 2)])
    assert torch.allclose(got, want, atol=1e-6)
    assert (torch.cdist(got.T, got.T) + 9 * torch.eye(4)).min() > 0.5  # no two positions look alike


def test_each_row_and_column_gets_what_was_learned_for_it():
    torch.manual_seed(0)
    layer = Positions(3, octaves=2)
    x = torch.randn(2, 3, 5, 4)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.weight.weight.normal_()
    added = layer(x) - x
    assert torch.allclose(added[0], added[1], atol=1e-5)  # a function of the place alone
    # Additive over the axes: a pattern of rows plus a pattern of columns.
    mixed = added[0, :, 1, 1] - added[0, :, 0, 1] - added[0, :, 1, 0] + added[0, :, 0, 0]
    assert torch.allclose(mixed, torch.zeros(3), atol=1e-5)


def small(**options):
    torch.manual_seed(0)
    return ImageUNet(in_channels=1, width=8, multipliers=(1,), blocks=1, attention=False, **options)


def test_a_network_tells_places_apart_once_it_has_learned_them():
    """On a map that is alike everywhere, the middle of a convolutional network is too, unless it knows where it is."""
    x, level = torch.ones(1, 1, 32, 32), torch.zeros(1)
    spread = []
    for octaves in (0, 3):
        network = small(positions=octaves).eval()
        with torch.no_grad():
            for p in network.parameters():
                if not p.any():
                    p.normal_(std=0.1)
            spread.append(network(x, level)[0, 0, 14:18, 14:18].std().item())
    assert spread[0] < 1e-5 < 1e-3 < spread[1]


def test_none_is_the_default_and_less_than_none_is_refused():
    assert not [name for name in small().state_dict() if "positions" in name]
    with pytest.raises(ValueError, match="positions=-1 must be at least 0"):
        small(positions=-1)
