"""The audio networks: lengths, how far a sample reaches, and the full-scale one on the meta device."""

import pytest
import torch
from torch import nn

from modalities.audio.network import SpectrogramUNet, WaveformUNet

SPEECH = {
    "classes": 35,
    "width": 128,
    "multipliers": (1, 2, 3, 4),
    "blocks": 2,
    "attention": (False, False, True, True),
    "head_channels": 64,
    "patch": 16,
    "factors": (4, 2, 2),
    "kernel": 5,
}


def awake(**options):
    torch.manual_seed(0)
    network = WaveformUNet(in_channels=1, **options)
    for p in network.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.1)
    return network


@pytest.mark.parametrize("samples", [8192, 16384, 65536])
def test_full_scale_on_the_meta_device(samples):
    with torch.device("meta"):
        network = WaveformUNet(in_channels=1, **SPEECH)
        x = torch.zeros(2, 1, samples)
        assert network(x, torch.zeros(2), None).shape == x.shape
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(40.2, rel=0.01)


def test_full_scale_spectrogram_on_the_meta_device():
    with torch.device("meta"):
        network = SpectrogramUNet(in_channels=2, width=128, multipliers=(1, 2, 3), attention=(False, True, True))
        x = torch.zeros(2, 2, 128, 256)
        assert network(x, torch.zeros(2), None).shape == x.shape


@pytest.mark.parametrize("samples", [1024, 1000, 333, 1])
def test_any_length(samples):
    network = awake(width=8, multipliers=(1, 2, 2), blocks=1, attention=(False, False, True), head_channels=8)
    y = network(torch.randn(2, 1, samples), torch.zeros(2))
    assert y.shape == (2, 1, samples)
    assert y.isfinite().all()


def test_neighbouring_patches_overlap():
    """A sample reaches its own patch of 8 and six kernels of 3 positions either side: no seam between patches."""
    network = awake(width=8, multipliers=(1,), blocks=1, attention=(False,), patch=8)
    x = torch.randn(1, 1, 256)
    poked = x.clone()
    poked[..., 128] += 1
    reached = (network(x, torch.zeros(1)) != network(poked, torch.zeros(1)))[0, 0].nonzero()
    assert (reached.min().item(), reached.max().item()) == (128 - 6 * 8, 128 + 7 * 8 - 1)


def test_strided_stages_reach_most_of_a_second():
    """Four kernels of 3 positions at each of the strides 512, 256, 64 and, with stem and head, six at 16."""
    network = awake(width=8, multipliers=(1, 1, 1, 1), blocks=1, attention=(False,) * 4, patch=16, factors=(4, 4, 2))
    x = torch.randn(1, 1, 16384)
    poked = x.clone()
    poked[..., 8192] += 10
    reached = (network(x, torch.zeros(1)) != network(poked, torch.zeros(1)))[0, 0].nonzero()
    reach = 4 * (512 + 256 + 64) + 6 * 16
    assert reached.max() - reached.min() == pytest.approx(2 * reach, abs=2 * 512)  # windows end where they end
