"""Losses of reconstruction: what they are zero for, closed forms, and gradients where they could break."""

import math

import pytest
import torch

from core.discover import build, names
from modalities.latents.losses.charbonnier import charbonnier
from modalities.latents.losses.laplacian import laplacian, pyramid
from modalities.latents.losses.stft import magnitude, stft

PACKAGE = "modalities.latents.losses"


def wave(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", names(PACKAGE))
def test_zero_for_equals_positive_otherwise_and_each_example_by_itself(name):
    loss, x0 = build(PACKAGE, name), wave(3, 1, 2048)
    assert torch.allclose(loss(x0, x0), torch.zeros(3), atol=1e-6)
    x_hat = x0.clone()
    x_hat[1] += 0.1 * wave(1, 2048, seed=1)
    values = loss(x_hat, x0)
    assert values[1] > 1e-3
    assert torch.allclose(values[[0, 2]], torch.zeros(2), atol=1e-6)
    further = x0.clone()
    further[1] += 0.2 * wave(1, 2048, seed=1)
    assert loss(further, x0)[1] > values[1]


@pytest.mark.parametrize("name", names(PACKAGE))
def test_the_gradient_is_finite_at_equality_and_at_silence(name):
    loss = build(PACKAGE, name)
    for x0 in (torch.zeros(1, 1, 1024), wave(1, 1, 1024)):
        x_hat = x0.clone().requires_grad_()
        loss(x_hat, x0).sum().backward()
        assert x_hat.grad is not None
        assert torch.isfinite(x_hat.grad).all()


def test_charbonnier_is_l1_far_away_and_square_nearby():
    loss = charbonnier(epsilon=0.01)
    assert loss(torch.full((1, 4), 3.0), torch.zeros(1, 4)).item() == pytest.approx(3 - 0.01, rel=1e-4)
    near = 1e-4
    assert loss(torch.full((1, 4), near).double(), torch.zeros(1, 4)).item() == pytest.approx(near**2 / 0.02, rel=1e-3)


@pytest.mark.parametrize("shape", [(2, 1, 33), (2, 3, 28, 32), (1, 1, 6, 9, 8)])
def test_the_bands_add_up_to_the_whole(shape):
    x = wave(*shape)
    finest, *others = pyramid(x, 4)
    whole = finest
    for axis in range(2, x.ndim):  # repeated from octave to octave, cropped where a size was odd
        others = [band for band in others if band.shape[axis] < x.shape[axis]]
    rest = others[-1]
    for band in [*others[-2::-1], finest]:
        for axis in range(2, x.ndim):
            rest = rest.repeat_interleave(2, axis) if band.shape[axis] > rest.shape[axis] else rest
            rest = rest.narrow(axis, 0, band.shape[axis])
        rest = rest + band
    whole = rest
    assert torch.allclose(whole, x, atol=1e-5)
    bands = pyramid(torch.ones_like(x), 4)
    assert all(torch.allclose(band, torch.zeros(()), atol=1e-6) for band in bands[:-1])  # a shade is in the last alone
    assert torch.allclose(bands[-1], torch.ones(()))


def test_every_octave_counts_alike():
    """A constant error is seen by the coarsest band alone; white noise of the same mean size mostly by the finest."""
    x0 = torch.zeros(1, 1, 64, 64)
    assert laplacian(levels=4)(x0 + 0.3, x0).item() == pytest.approx(0.3, rel=1e-5)
    noise = 0.3 * wave(1, 1, 64, 64)
    bands = [band.abs().mean().item() for band in pyramid(noise, 4)]
    assert bands == sorted(bands, reverse=True)


def test_white_noise_has_unit_power_in_every_window():
    x = wave(1, 1, 2**16)
    for window in (64, 256, 1024):
        power = magnitude(x, window, 1e-9).square()[..., 2:-2].mean()
        assert power.item() == pytest.approx(1, rel=0.03)


def test_the_spectrogram_loss_hears_no_sign_and_knows_its_scale():
    """|X| of -x0 is that of x0; of 2 x0 it is twice that: convergence 1, log distance ln 2."""
    loss, x0 = stft(windows=(128,), floor=1e-6), wave(1, 1, 4096)
    assert loss(-x0, x0).item() == pytest.approx(0, abs=1e-6)
    assert loss(2 * x0, x0).item() == pytest.approx(1 + math.log(2), rel=1e-4)


def test_the_spectrogram_loss_is_for_waveforms():
    with pytest.raises(ValueError, match="for waveforms"):
        stft()(torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 8, 8))
    with pytest.raises(ValueError, match="8 samples or more"):
        stft(windows=(4,))
