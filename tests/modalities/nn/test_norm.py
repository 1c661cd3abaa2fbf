"""Normalisation per position: its statistics, its formula, its precision and its memory layout."""

import torch

from modalities.nn.norm import EPS, Norm, modulated


def test_every_position_has_mean_zero_and_variance_one():
    y = Norm(32)(5 + 3 * torch.randn(2, 32, 4, 6))
    torch.testing.assert_close(y.mean(dim=1), torch.zeros(2, 4, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(dim=1, correction=0), torch.ones(2, 4, 6), atol=1e-4, rtol=0)


def test_modulation_is_scale_times_normalised_plus_shift():
    x, m = torch.randn(3, 8, 2, 5, dtype=torch.float64), torch.randn(3, 16, dtype=torch.float64)
    hat = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + EPS).sqrt()
    expected = (1 + m[:, :8, None, None]) * hat + m[:, 8:, None, None]
    torch.testing.assert_close(modulated(x, m), expected)


def test_one_position_does_not_see_another():
    x = torch.randn(1, 16, 4, 4)
    changed = x.clone()
    changed[..., 0, 0] += 100
    norm = Norm(16)
    same = norm(x) == norm(changed)
    assert same[..., 1:, :].all()
    assert same[..., 0, 1:].all()


def test_dtype_and_layout_stay_under_autocast():
    norm = Norm(16)
    x = torch.randn(2, 16, 4, 4).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = norm(x.bfloat16())
        z = modulated(x.bfloat16(), torch.zeros(2, 32))
    assert y.dtype == z.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y.float(), norm(x), atol=0.04, rtol=0)  # bfloat16 has 8 bits: 3 * 2^-7 at most
