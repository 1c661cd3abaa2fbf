"""The image network: sizes, labels, how far a pixel reaches, and the full-scale ones on the meta device."""

import pytest
import torch
from torch import nn

from modalities.image.network import ImageUNet

# name: options, image size, million parameters, GFLOP of one forward pass
FULL_SCALE = {
    "cifar10": (
        {"classes": 10, "width": 128, "multipliers": (2, 2, 2), "blocks": (4, 5, 5), "attention": (False, True, False)},
        32,
        (55, 0.03),
    ),
    "images64": (
        {
            "classes": 1000,
            "width": 192,
            "multipliers": (1, 2, 3, 4),
            "blocks": 3,
            "attention": (False, False, True, True),
            "head_channels": 64,
        },
        64,
        (203, 0.01),
    ),
}


def awake(**options):
    torch.manual_seed(0)
    network = ImageUNet(**options)
    for p in network.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.1)
    return network


@pytest.mark.parametrize("name", FULL_SCALE)
def test_full_scale_on_the_meta_device(name):
    options, size, (millions, tolerance) = FULL_SCALE[name]
    with torch.device("meta"):
        network = ImageUNet(in_channels=3, **options)
        x = torch.zeros(2, 3, size, size)
        assert network(x, torch.zeros(2), None).shape == x.shape
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, rel=tolerance)


@pytest.mark.parametrize("size", [(28, 28), (32, 20), (17, 5), (1, 1)])
def test_any_size(size):
    network = awake(
        in_channels=1, width=8, multipliers=(1, 2), blocks=1, attention=(False, True), head_channels=8, patch=2
    )
    y = network(torch.randn(2, 1, *size), torch.zeros(2))
    assert y.shape == (2, 1, *size)
    assert y.isfinite().all()


def test_a_pixel_reaches_as_far_as_the_kernels_say():
    """One level, one block: stem, two in the encoder, two in the decoder, head, each one pixel further."""
    network = awake(in_channels=1, width=8, multipliers=(1,), blocks=1, attention=(False,))
    x = torch.randn(1, 1, 17, 17)
    poked = x.clone()
    poked[0, 0, 8, 8] += 1
    reached = (network(x, torch.zeros(1)) != network(poked, torch.zeros(1)))[0, 0].nonzero()
    assert reached.min(0).values.tolist() == [2, 2]
    assert reached.max(0).values.tolist() == [14, 14]


def test_attention_reaches_everywhere():
    network = awake(in_channels=1, width=8, multipliers=(1,), blocks=1, attention=(True,), head_channels=8)
    x = torch.randn(1, 1, 17, 17)
    poked = x.clone()
    poked[0, 0, 8, 8] += 10
    assert (network(x, torch.zeros(1)) != network(poked, torch.zeros(1))).float().mean() > 0.9


def test_shifting_by_whole_windows_shifts_the_output():
    """Without attention nothing knows where it is; the borders, which are padded, apart."""
    network = awake(in_channels=1, width=8, multipliers=(1, 2), blocks=1, attention=(False, False), patch=2).double()
    x = torch.zeros(1, 1, 104, 104, dtype=torch.float64)
    x[..., 50:54, 50:54] = torch.randn(4, 4, dtype=torch.float64)
    t = torch.zeros(1, dtype=torch.float64)
    y, shifted = network(x, t), network(x.roll((4, -4), (2, 3)), t)
    inner = slice(36, 68)
    torch.testing.assert_close(shifted[..., inner, inner], y.roll((4, -4), (2, 3))[..., inner, inner])


def test_labels_are_rows_of_one_table_with_the_null_row_last():
    network = awake(in_channels=1, classes=5, width=8, multipliers=(1,), blocks=1, attention=False)
    x, t = torch.randn(1, 1, 4, 4).expand(6, 1, 4, 4), torch.zeros(6)
    y = network(x, t, {"label": torch.tensor([0, 1, 2, 3, 4, -1])})
    assert torch.pdist(y.flatten(1)).min() > 1e-3  # all six differ
    torch.testing.assert_close(network(x, t, None), y[5:].expand_as(y), rtol=0, atol=1e-5)
    with pytest.raises(IndexError):
        network(x[:1], t[:1], {"label": torch.tensor([6])})
