"""Sounds of several rates, channel counts and loudnesses to one."""

import math

import pytest
import torch
from torch import Tensor

from modalities.audio.modality import AudioModality
from modalities.audio.prepare import level, remix, to_float, to_int16
from modalities.data.batch import Batch
from modalities.data.example import Example


def tone(hertz: float, rate: int, samples: int) -> Tensor:
    """int16 (1, samples), half of full scale."""
    seconds = torch.arange(samples, dtype=torch.float64) / rate
    return to_int16(0.5 * torch.sin(2 * math.pi * hertz * seconds))[None]


def test_int16_survives_floats() -> None:
    every = torch.arange(-32768, 32768).to(torch.int16)
    torch.testing.assert_close(to_int16(to_float(every)), every, rtol=0, atol=0)
    assert to_int16(torch.tensor([1.0, 3.0, -3.0])).tolist() == [32767, 32767, -32768]


def test_rates_mixed_in_one_batch_become_the_same_tones() -> None:
    """A sine of f Hz is the same sine at every rate: only its samples lie elsewhere."""
    hertz, rates = [440.0, 500.0, 700.0, 900.0], [8000, 16000, 44100, 8000]
    examples = [Example(tone(f, r, math.ceil(1.2 * r)), rate=r) for f, r in zip(hertz, rates, strict=True)]
    out = AudioModality(samples=8192).prepare(Batch.of(examples), None)
    assert out.dtype == torch.int16
    expected = torch.stack([tone(f, 8000, 8192) for f in hertz])
    error = (to_float(out) - to_float(expected))[..., 100:].abs().amax(dim=(1, 2))
    assert (error[[0, 3]] == 0).all()  # already at the rate
    assert error.max() < 5e-3  # 40 dB below the tone


def test_short_sounds_are_followed_by_silence_and_long_ones_end_early() -> None:
    short, long = tone(440, 8000, 300), tone(440, 8000, 5000)
    out = AudioModality(samples=1024).prepare(Batch.of([Example(s, rate=8000) for s in (short, long)]), None)
    torch.testing.assert_close(out[0, :, :300], short, rtol=0, atol=0)
    assert (out[0, :, 300:] == 0).all()
    torch.testing.assert_close(out[1], long[:, :1024], rtol=0, atol=0)


def test_channels() -> None:
    stereo = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert remix(stereo, 1).tolist() == [[[0.5, 0.5]]]
    assert remix(stereo[:, :1], 2).tolist() == [[[1.0, 0.0], [1.0, 0.0]]]
    assert remix(torch.zeros(1, 6, 4), 2).shape == (1, 2, 4)
    with pytest.raises(ValueError, match="cannot make 3 channels of sounds with 2"):
        remix(stereo, 3)


def test_loudness_per_example() -> None:
    wave = torch.randn(3, 2, 4096, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.01, 0.1, 0]).view(
        3, 1, 1
    )
    peak = level(wave, "peak").abs().amax(dim=(1, 2))
    torch.testing.assert_close(peak, torch.tensor([0.95, 0.95, 0.0]))
    rms = level(wave, "rms").square().mean(dim=(1, 2)).sqrt()
    torch.testing.assert_close(rms, torch.tensor([0.1, 0.1, 0.0]))
    torch.testing.assert_close(level(wave, "as_is"), wave, rtol=0, atol=0)
    ratio = level(wave, "peak")[0, 0] / wave[0, 0]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))  # one gain for all


@pytest.mark.parametrize("power", [0.3, 0.5])
def test_a_spectrogram_gives_the_stored_samples_back(power: float) -> None:
    modality = AudioModality(samples=4096, channels=2, representation="spectrogram", power=power, scale=0.7)
    media = torch.randint(-32768, 32768, (2, 2, 4096)).to(torch.int16)
    assert modality.event_shape == (4, 64, 64)
    assert (modality.decode(modality.encode(media)).int() - media.int()).abs().max() <= 1
