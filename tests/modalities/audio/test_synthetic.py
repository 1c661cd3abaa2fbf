"""The embedded tones have the pitch, the waveform and the level that `describe` says."""

import pickle
from collections import Counter

import numpy as np
import pytest
import torch

from modalities.audio.synthetic import RMS, WAVEFORMS, Synthetic

SOURCE = Synthetic()


def spectrum(index: int, begin: int = 0, end: int = 8192) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and magnitudes, zero-padded eightfold."""
    wave = SOURCE.read(index).media[0, begin:end].double().numpy()
    count = 8 * len(wave)
    return np.fft.rfftfreq(count, 1 / 8000), np.abs(np.fft.rfft(wave * np.hanning(len(wave)), count))


def peak(index: int, begin: int = 0, end: int = 8192) -> float:
    frequency, size = spectrum(index, begin, end)
    return float(frequency[size.argmax()])


@pytest.mark.parametrize("index", range(50))
def test_pitch(index: int) -> None:
    what = SOURCE.describe(index)
    assert SOURCE.pitch(index) == what["pitch_hz"]
    assert 219 < what["pitch_hz"] < 881
    assert 12 * np.log2(what["pitch_hz"] / 440) == pytest.approx(what["midi"] - 69)
    if what["waveform"] == "chirp":
        # From pitch to twice the pitch, exponentially: at sample n it is pitch * 2^(n / 8192).
        for middle in (1024, 3072, 6144):
            expected = what["pitch_hz"] * 2 ** (middle / 8192)
            assert peak(index, middle - 256, middle + 256) == pytest.approx(expected, rel=0.02)
    else:
        assert peak(index) == pytest.approx(what["pitch_hz"], rel=0.004)  # a semitone is 6 %


def test_harmonics_make_the_waveform() -> None:
    expected = {
        "sine": {2: 0, 3: 0, 4: 0},
        "square": {2: 0, 3: 1 / 3, 4: 0},
        "saw": {2: 1 / 2, 3: 1 / 3, 4: 1 / 4},
    }
    for index in range(100):
        what = SOURCE.describe(index)
        frequency, size = spectrum(index)
        pitch = what["pitch_hz"]

        def height(
            harmonic: int, frequency: np.ndarray = frequency, size: np.ndarray = size, pitch: float = pitch
        ) -> float:
            return float(size[np.abs(frequency - harmonic * pitch) < 8].max())

        for harmonic, ratio in expected.get(what["waveform"], {}).items():
            assert height(harmonic) / height(1) == pytest.approx(ratio, abs=0.02), what
        if what["waveform"] != "chirp":  # nothing has folded back between the harmonics
            between = np.abs(frequency / pitch - np.round(frequency / pitch)) > 0.25
            assert size[between & (frequency > pitch)].max() < 0.02 * size.max()


def test_a_plucked_string_loses_its_high_harmonics_first() -> None:
    for index in (i for i in range(40) if SOURCE.describe(i)["waveform"] == "pluck"):
        brightness = []
        for begin in (200, 4200):
            frequency, size = spectrum(index, begin, begin + 2000)
            brightness.append(float((frequency * size**2).sum() / (size**2).sum()))
        assert brightness[1] < 0.95 * brightness[0]


def test_level_is_fixed_and_nothing_clips() -> None:
    for index in range(300):
        wave = SOURCE.read(index).media.float() / 32767
        assert float(wave.square().mean().sqrt()) == pytest.approx(RMS, rel=1e-3)
        assert wave.abs().max() < 0.95
        assert wave[0, 0].abs() < 0.01  # no click at either end
        assert wave[0, -1].abs() < 0.01


def test_a_tone_is_a_function_of_seed_and_index_alone() -> None:
    again = pickle.loads(pickle.dumps(SOURCE))
    assert torch.equal(SOURCE.read(9).media, again.read(9, torch.Generator().manual_seed(1)).media)
    assert not torch.equal(SOURCE.read(9).media, SOURCE.read(14).media)
    assert not torch.equal(SOURCE.read(9).media, Synthetic(seed=1).read(9).media)
    assert set(Counter(SOURCE.describe(i)["waveform"] for i in range(500)).values()) == {100}
    assert [SOURCE.read(i).label for i in range(5)] == list(range(5))
    assert SOURCE.classes == WAVEFORMS


def test_other_rates_lengths_and_channels() -> None:
    fast = Synthetic(samples=16_384, sample_rate=16_000, channels=2)
    for index in (1, 3, 4):
        wave = fast.read(index).media
        assert wave.shape == (2, 16_384)
        assert torch.equal(wave[0], wave[1])
        size = np.abs(np.fft.rfft(wave[0].double().numpy()))
        assert np.fft.rfftfreq(16_384, 1 / 16_000)[size.argmax()] == pytest.approx(fast.pitch(index), rel=0.01)
    with pytest.raises(ValueError, match="tones need sample_rate >= 4000"):
        Synthetic(sample_rate=2000)
