"""Spectra and movement have their closed forms."""

import math

import pytest
import torch

from modalities.features.motion import movement
from modalities.features.sound import levels, mean_levels, paired, spectral_distance


def sine(amplitude: float, hertz: float = 1000, n: int = 4096) -> torch.Tensor:
    wave = amplitude * 32767 * torch.sin(2 * math.pi * hertz * torch.arange(n, dtype=torch.float64) / 8000)
    return wave.round().to(torch.int16).view(1, 1, -1)


def test_a_full_scale_sine_is_at_0_decibels() -> None:
    middle = levels(sine(1.0))[0, :, 4:-4]
    assert float(middle.max()) == pytest.approx(0, abs=0.05)
    assert int(middle[:, 0].argmax()) == 64  # 1000 Hz of 8000 in 512 bins


def test_a_gain_of_one_half_is_6_decibels_apart() -> None:
    noise = (3000 * torch.randn(4, 1, 4096, generator=torch.Generator().manual_seed(0))).round()
    loud, soft = (noise * 2).to(torch.int16), noise.to(torch.int16)
    expected = 20 * math.log10(2)
    assert spectral_distance(mean_levels(loud), mean_levels(soft)) == pytest.approx(expected, abs=0.1)
    assert paired(loud, soft).tolist() == pytest.approx([expected] * 4, abs=0.2)
    assert paired(loud, loud).tolist() == [0] * 4


def test_movement_of_still_fading_and_flickering_clips() -> None:
    still = torch.randint(256, (1, 1, 4, 4, 3), generator=torch.Generator().manual_seed(0)).expand(1, 8, 4, 4, 3)
    fading = (torch.arange(8) * 10).view(1, 8, 1, 1, 1).expand(1, 8, 4, 4, 3)
    flickering = (torch.arange(8) % 2 * 50).view(1, 8, 1, 1, 1).expand(1, 8, 4, 4, 3)
    rows = torch.cat([movement(clip.to(torch.uint8)) for clip in (still, fading, flickering)])
    step, jump = 10 / 255, 50 / 255
    assert torch.allclose(rows, torch.tensor([[0, 0, 0], [step, 0, step], [jump, jump, jump]]), atol=1e-6)
    assert movement(still[:, :1].to(torch.uint8)).tolist() == [[0, 0, 0]]
