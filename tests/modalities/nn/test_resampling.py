"""Down is a mean (or one matrix) over each window; up undoes the size."""

import pytest
import torch
from torch import nn

from modalities.nn.layout import fold
from modalities.nn.resampling import RESAMPLINGS


@pytest.mark.parametrize("name", RESAMPLINGS)
@pytest.mark.parametrize("factor", [(2, 2), (1, 4)])
def test_sizes_and_channels(name, factor):
    down, up = RESAMPLINGS[name]
    x = torch.randn(2, 6, 4, 8)
    y = down(6, 10, factor)(x)
    assert y.shape == (2, 10, 4 // factor[0], 8 // factor[1])
    assert up(10, 6, factor)(y).shape == x.shape


def test_average_down_of_repeated_pixels_gives_them_back():
    down, up = RESAMPLINGS["average"]
    pair = down(4, 4, (2, 2)), up(4, 4, (2, 2))
    for module in pair:
        nn.init.dirac_(module.project.weight)
    x = torch.randn(1, 4, 3, 5)
    torch.testing.assert_close(pair[0](pair[1](x)), x)


def test_learned_down_is_one_matrix_per_window():
    down = RESAMPLINGS["learned"][0](3, 5, (2, 2))
    x = torch.randn(2, 3, 4, 6)
    matrix = down.weight.permute(0, 2, 3, 1).flatten(1)  # axes: out, (row, column, channel) as `fold` orders them
    expected = torch.einsum("oc,nchw->nohw", matrix, fold(x, (2, 2)))
    torch.testing.assert_close(down(x), expected)


@pytest.mark.parametrize("name", RESAMPLINGS)
def test_variance_stays_near_one_in_learned_and_falls_by_the_mean_in_average(name):
    torch.manual_seed(0)
    down, up = RESAMPLINGS[name]
    x = torch.randn(8, 64, 16, 16)
    y = down(64, 64, (2, 2))(x)
    assert y.var().item() == pytest.approx(1.0 if name == "learned" else 0.25, rel=0.15)
    assert up(64, 64, (2, 2))(x).var().item() == pytest.approx(1.0, rel=0.15)
