"""Shift and scale of latents: measured exactly, stored and read back."""

import pytest
import torch

from modalities.latents import statistics


def latents(count=7):
    g = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.5, 3.0, 10.0]).reshape(1, 3, 1, 1)
    return 2 * spread + spread * torch.randn(count, 3, 4, 5, generator=g)


def test_mean_and_deviation_over_uneven_batches():
    z = latents()
    found = statistics.measured(z.split(3))
    flat = z.double().transpose(0, 1).flatten(1)
    assert found.shift == pytest.approx(flat.mean(1).tolist(), rel=1e-12)
    assert found.scale == pytest.approx((1 / flat.std(1, correction=0)).tolist(), rel=1e-9)
    assert (found.latent_shape, found.examples) == ([3, 4, 5], 7)


def test_a_silent_channel_is_not_blown_up():
    z = latents()
    z[:, 1] = 2.0
    found = statistics.measured([z])
    assert found.scale[1] == pytest.approx(1e4)
    assert float((z[:, 1] - found.shift[1]).abs().max()) * found.scale[1] < 1e-3


def test_stored_and_read_back(tmp_path):
    found = statistics.measured([latents()])
    statistics.save(found, tmp_path / "latents.json")
    assert statistics.read(tmp_path / "latents.json") == found
    (tmp_path / "latents.json").write_text('{"shift": [1]}')
    with pytest.raises(ValueError, match="does not hold"):
        statistics.read(tmp_path / "latents.json")
    with pytest.raises(ValueError, match="does not hold"):
        statistics.read(tmp_path / "none.json")
    with pytest.raises(ValueError, match="no latents"):
        statistics.measured([])
