"""Folding is a permutation of numbers and padding only adds zeros."""

import pytest
import torch
from torch.nn import functional

from modalities.nn.layout import fold, fold_time, pad_to, square, unfold, unfold_time


@pytest.mark.parametrize("factor", [(1, 1), (2, 2), (1, 4), (3, 2)])
def test_unfold_inverts_fold(factor):
    x = torch.randn(2, 3, 6, 8)
    assert torch.equal(unfold(fold(x, factor), factor), x)


def test_fold_is_pixel_unshuffle_with_the_channels_of_a_pixel_side_by_side():
    x = torch.randn(2, 3, 6, 8)
    theirs = functional.pixel_unshuffle(x, 2).unflatten(1, (3, 4)).transpose(1, 2).flatten(1, 2)
    assert torch.equal(fold(x, (2, 2)), theirs)


def test_fold_of_a_wave_puts_neighbouring_samples_into_channels():
    x = torch.arange(8.0).view(1, 1, 1, 8)
    assert fold(x, (1, 4))[0, :, 0].tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]


@pytest.mark.parametrize("factor", [(1, 1), (2, 2)])
def test_fold_makes_the_networks_memory_layout(factor):
    for x in (torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)):
        assert fold(x, factor).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("size", "padded"), [((5, 7), (8, 8)), ((8, 4), (8, 4)), ((1, 9), (4, 12))])
def test_pad_goes_to_the_next_multiple_and_adds_zeros_only(size, padded):
    x = torch.randn(1, 2, *size)
    y = pad_to(x, (4, 4))
    assert y.shape[-2:] == padded
    assert torch.equal(y[..., : size[0], : size[1]], x)
    assert y.count_nonzero() == x.count_nonzero()


def test_a_wave_has_no_height():
    assert square(4, 1) == (1, 4)
    assert square(4, 2) == (4, 4)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_unfold_time_inverts_fold_time(frames):
    x = torch.randn(2, 3, 5, 4, 4)
    y = fold_time(x, frames)
    assert y.shape == (2, 3 * frames, -(-5 // frames), 4, 4)
    assert torch.equal(unfold_time(y, frames)[:, :, :5], x)
    assert not unfold_time(y, frames)[:, :, 5:].any()
