"""Low resolutions: what stays, what goes, and that twice is as good as once."""

import math

import pytest
import torch

from modalities.references.degrade import pictures, smaller, sounds


def waves(cycles: float, size: int = 32) -> torch.Tensor:
    """(1, 1, size, size): a cosine along the width."""
    x = (torch.arange(size) + 0.5) / size
    return torch.cos(2 * math.pi * cycles * x).expand(1, 1, size, size)


def power(x: torch.Tensor) -> float:
    return float(x[..., 8:-8].square().mean())


@pytest.mark.parametrize(("cycles", "low", "high"), [(0, 0.999, 1.001), (1, 0.95, 1.05), (7, 0, 0.12), (12, 0, 0.01)])
def test_pictures_lose_what_is_finer_than_a_new_pixel(cycles, low, high):
    """Four pixels become one: 32 of them carry up to 4 cycles, and nothing above folds back."""
    x = waves(cycles)
    assert low <= power(pictures(x, 4)) / power(x) <= high


def test_frames_are_degraded_one_by_one():
    x = torch.randn(2, 3, 5, 16, 16, generator=torch.Generator().manual_seed(0))
    y = pictures(x, 2)
    assert y.shape == x.shape
    for t in range(5):
        assert torch.equal(y[:, :, t], pictures(x[:, :, t], 2))


def test_twice_is_about_once():
    x = torch.nn.functional.avg_pool2d(torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)), 5, 1, 2)
    once = pictures(x, 4)
    again = pictures(once, 4)
    assert float((again - once).norm() / (x - once).norm()) < 0.25


def test_sounds_lose_the_upper_band_only():
    t = torch.arange(8000) / 8000
    for frequency, kept in ((300.0, 1.0), (800.0, 1.0), (1200.0, 0.0), (3500.0, 0.0)):
        wave = torch.sin(2 * math.pi * frequency * t)[None, None]
        gain = power(sounds(wave, 4)) / power(wave)  # 1000 Hz is the new half rate
        assert abs(gain - kept) < 0.02, frequency
    assert sounds(torch.randn(2, 1, 1001), 3).shape == (2, 1, 1001)


def test_a_factor_that_does_not_divide_is_named():
    with pytest.raises(ValueError, match="factor=3 must divide the sides of 32x32"):
        smaller(waves(1), 3)
