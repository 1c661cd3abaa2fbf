"""The decibels are right, and the figure shows them at the right height."""

import math
from pathlib import Path

import pytest
import torch
from torchvision.io import ImageReadMode, decode_image

from modalities.audio.prepare import to_int16
from modalities.audio.sheet import _outline, decibels, sheet, strip


def tones(*hertz: float) -> torch.Tensor:
    seconds = torch.arange(8192, dtype=torch.float64) / 8000
    return torch.stack([0.9 * torch.sin(2 * math.pi * f * seconds) for f in hertz]).float()


def test_a_sine_of_amplitude_a_has_half_of_it_in_its_bin() -> None:
    levels = decibels(tones(1000.0), 8000)  # n_fft 256: bins of 31.25 Hz, 1000 Hz is bin 32 exactly
    assert levels.shape[1] == 129
    middle = levels[0, :, 60]
    assert middle.argmax() == 32
    assert middle.max().item() == pytest.approx(20 * math.log10(0.45), abs=0.01)


def test_the_figure_shows_low_tones_low_and_high_tones_high(tmp_path: Path) -> None:
    sheet(to_int16(tones(500.0, 3500.0))[:, None], tmp_path / "a.png", ["low", "high"], sample_rate=8000)
    picture = decode_image(str(tmp_path / "a.png"), ImageReadMode.UNCHANGED).float()
    assert picture.shape[0] == 4
    assert picture[3, 0, 0] == 0  # transparent ground
    height, width = picture.shape[1:]
    brightness = (picture[:3].sum(0) * (picture[3] == 255))[height // 2 : int(height * 0.8)]  # within the spectrograms
    low, high = brightness[:, : width // 2].sum(1).argmax(), brightness[:, width // 2 + 20 :].sum(1).argmax()
    assert high < low  # rows count from the top


def test_a_strip_is_one_row_however_long(tmp_path: Path) -> None:
    strip(to_int16(tones(*[500.0] * 6))[:, None], tmp_path / "b.png", ["t = 1"], sample_rate=8000)
    height, width = decode_image(str(tmp_path / "b.png")).shape[1:]
    assert width > 3 * height


def test_the_outline_keeps_every_peak() -> None:
    wave = torch.zeros(8192)
    wave[5001], wave[77] = 1.0, -1.0
    _, heights = _outline(wave, 1.0)
    assert len(heights) <= 1200
    assert (heights.max(), heights.min()) == (1.0, -1.0)
