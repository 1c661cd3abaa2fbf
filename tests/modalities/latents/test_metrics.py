"""Measures of a reconstruction against closed forms and against scipy."""

import math

import numpy
import pytest
import torch
from scipy.ndimage import gaussian_filter

from modalities.latents.metrics.psnr import psnr, snr
from modalities.latents.metrics.ssim import ssim
from modalities.latents.metrics.stft_distance import stft_distance


def pictures(seed=0):
    g = torch.Generator().manual_seed(seed)
    real = torch.randint(0, 256, (3, 2, 32, 40), generator=g, dtype=torch.uint8)
    made = (real.float() + 40 * torch.randn(real.shape, generator=g)).clamp(0, 255).round().to(torch.uint8)
    return made, real


def test_psnr_of_a_known_error():
    real = torch.full((2, 1, 8, 8), 100, dtype=torch.uint8)
    made = real + torch.tensor([1, 10], dtype=torch.uint8).reshape(2, 1, 1, 1)
    assert psnr(made, real, peak=255).tolist() == pytest.approx([20 * math.log10(255), 20 * math.log10(25.5)], rel=1e-6)
    assert psnr(real, real, peak=255).tolist() == [100, 100]  # unsigned numbers are not subtracted as such
    assert psnr(real, made, peak=255).tolist() == psnr(made, real, peak=255).tolist()


def test_snr_of_a_known_error():
    real = torch.sin(torch.arange(8000) / 5).reshape(1, 1, -1)
    assert snr(0.9 * real, real).item() == pytest.approx(20, rel=1e-5)
    assert snr(torch.zeros_like(real), real).item() == pytest.approx(0, abs=1e-6)


def test_ssim_of_scipys_filters():
    """Written out again with scipy's Gaussian filter, cut to the 5 pixels on each side that the paper's window has."""
    made, real = pictures()
    expected = []
    for x, y in zip(made.double().numpy(), real.double().numpy(), strict=True):
        values = []
        for a, b in zip(x, y, strict=True):
            ma, mb, aa, bb, ab = (
                gaussian_filter(v, 1.5, truncate=5 / 1.5)[5:-5, 5:-5] for v in (a, b, a * a, b * b, a * b)
            )
            c1, c2 = 2.55**2, 7.65**2
            top = (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2)
            values.append(top / ((ma**2 + mb**2 + c1) * (aa - ma**2 + bb - mb**2 + c2)))
        expected.append(numpy.mean(values))
    assert ssim(made, real, peak=255).tolist() == pytest.approx(expected, rel=1e-6)


def test_ssim_of_shades_and_of_equals():
    made, real = pictures()
    assert ssim(real, real, peak=255).tolist() == pytest.approx([1, 1, 1])
    assert (ssim(made, real, peak=255) < 0.9).all()
    a, b = torch.full((1, 1, 16, 16), 50.0), torch.full((1, 1, 16, 16), 100.0)
    shades = (2 * 50 * 100 + 2.55**2) / (50**2 + 100**2 + 2.55**2)
    assert ssim(a, b, peak=255).item() == pytest.approx(shades, rel=1e-6)
    assert ssim(real[..., :6, :7], real[..., :6, :7], peak=255).tolist() == pytest.approx([1, 1, 1])  # a smaller window


def test_sounds_get_further_apart_as_noise_grows():
    g = torch.Generator().manual_seed(0)
    real, noise = (0.1 * torch.randn(2, 3, 1, 4096, generator=g)).unbind(0)
    distances = [stft_distance(real + level * noise, real).mean().item() for level in (0.0, 0.1, 0.5, 2.0)]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances == sorted(distances)
