"""The log-mel: against librosa's filters, a sine of known amplitude, and the decibels of a known gain."""

import math

import pytest
import torch

from modalities.references.mel import Mel, distance

MEL = Mel()


def sine(frequency: float, amplitude: float = 0.5, samples: int = 4096) -> torch.Tensor:
    t = torch.arange(samples, dtype=torch.float64) / MEL.sample_rate
    return (amplitude * torch.sin(2 * math.pi * frequency * t))[None]


def test_filters_are_those_of_librosa():
    librosa = pytest.importorskip("librosa")
    theirs = librosa.filters.mel(sr=8000, n_fft=256, n_mels=40, fmin=0.0, fmax=4000.0, htk=False, norm=None)
    assert torch.allclose(MEL.bank().T, torch.from_numpy(theirs).float(), atol=1e-5)


def test_a_sine_reads_half_its_amplitude_at_its_bin():
    frequency = 32 * 8000 / 256  # on a bin, so that the Hann window reads 1, 1/2 and nothing else
    magnitude = MEL.magnitude(sine(frequency, 0.5))
    assert magnitude.shape == (1, 129, 64)
    inner = magnitude[0, :, 4:-4]
    assert torch.allclose(inner[32], torch.full_like(inner[32], 0.25), atol=1e-9)
    assert torch.allclose(inner[33], torch.full_like(inner[33], 0.125), atol=1e-9)
    assert float(inner[40].max()) < 1e-9


def test_frames_are_centred_and_the_floor_holds():
    wave = torch.zeros(1, 4096)
    wave[0, 1000] = 1.0
    log_mel = MEL(wave)
    assert log_mel.shape == (1, 40, 64)
    assert int(log_mel[0, 20].argmax()) == 1000 // 64
    assert math.isclose(float(log_mel[0, :, 40].max()), math.log(MEL.floor), rel_tol=1e-6)
    assert torch.allclose(MEL.scaled(torch.tensor([math.log(MEL.floor), 0.0])), torch.tensor([-1.0, 1.0]))


def test_distance_is_the_gain_in_decibels():
    log_mel = MEL(sine(500.0, 0.5) + 0.01 * torch.randn(1, 4096, generator=torch.Generator().manual_seed(0)).double())
    louder = log_mel + math.log(2)
    assert torch.allclose(distance(louder, log_mel), torch.tensor([20 * math.log10(2)]).double(), atol=1e-6)
    assert float(distance(log_mel, log_mel)) == 0


def test_spread_reads_a_flat_spectrum_as_flat_and_a_tilt_as_a_tilt():
    weights = MEL.spread()
    assert weights.shape == (129, 40)
    assert torch.allclose(weights.sum(1), torch.ones(129))
    assert bool((weights @ torch.arange(40.0)).diff().ge(0).all())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_mels": 200}, "use fewer filters or a longer window"),
        ({"fmax": 5000.0}, "up to 4000 Hz"),
        ({"fmin": 4000.0}, "must rise"),
        ({"floor": 0.0}, "floor=0.0"),
        ({"hop": 63}, "hop=63 even"),
        ({"hop": 512}, "at least hop"),
    ],
)
def test_bad_options_are_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        Mel(**options).bank()


def test_a_length_that_hop_does_not_divide_is_named():
    with pytest.raises(ValueError, match="hop=64 must divide the length of 100 samples"):
        MEL(torch.zeros(1, 100))
