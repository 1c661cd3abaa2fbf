"""The spectrogram inverts to rounding error, agrees with other libraries, and packs the two real bins as it says."""

import math

import pytest
import torch

from modalities.audio.representation import Spectrogram, Waveform

VIEWS = [
    Waveform(2.5),
    Spectrogram(),
    Spectrogram(n_fft=128, hop=32, power=0.3),
    Spectrogram(n_fft=256, hop=128, power=1.0, scale=0.2),
    Spectrogram(n_fft=48, hop=6, power=0.5),
    Spectrogram(n_fft=510, hop=128, power=0.7),
]


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_decode_inverts_encode(view: Waveform | Spectrogram, dtype: torch.dtype, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    wave = torch.rand(3, 2, 6144, generator=generator, dtype=dtype) * 2 - 1
    wave[1] = 0  # silence
    wave[2] *= 1e-4  # near silence
    x0 = view.encode(wave)
    assert x0.dtype == dtype
    assert x0.shape[1:] == view.event_shape(2, 6144)
    assert (view.decode(x0) - wave).abs().max() < tolerance


def test_decoding_is_a_projection_where_no_sound_has_the_spectrogram() -> None:
    view = Spectrogram()
    x = torch.randn(2, 2, 64, 32, dtype=torch.float64)
    wave = view.decode(x)
    torch.testing.assert_close(view.decode(view.encode(wave)), wave, rtol=0, atol=1e-12)
    assert (view.encode(wave) - x).abs().max() > 0.1  # x itself was not one


def test_agrees_with_the_stft_of_torch_and_of_scipy() -> None:
    import scipy.signal  # librosa.stft is the same with half a minute of compilation in front

    n_fft, hop = 128, 32
    wave = torch.randn(4096, dtype=torch.float64)
    pad = (n_fft - hop) // 2
    padded = torch.nn.functional.pad(wave, (pad, pad))
    window = torch.hann_window(n_fft, dtype=torch.float64)
    unit = math.sqrt(3 * n_fft / 8)  # root of the sum of the squares of a Hann window
    ours = Spectrogram(n_fft=n_fft, hop=hop).stft(wave.view(1, 1, -1))[0, 0]
    theirs = torch.stft(padded, n_fft, hop, window=window, center=False, return_complex=True) / unit
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    third = scipy.signal.stft(
        padded.numpy(), nperseg=n_fft, noverlap=n_fft - hop, window="hann", boundary=None, padded=False
    )[2] * (window.sum().item() / unit)
    torch.testing.assert_close(ours, torch.as_tensor(third), rtol=0, atol=1e-12)


def test_compression_is_the_square_root_of_the_amplitude_and_keeps_the_phase() -> None:
    wave = torch.randn(1, 1, 2048, dtype=torch.float64)
    view = Spectrogram(power=0.5)
    z = view.stft(wave)[:, 0, 1:-1]
    real, imag = view.encode(wave).unbind(1)
    packed = torch.complex(real, imag)[:, 1:]
    torch.testing.assert_close(packed.abs(), z.abs().sqrt())
    torch.testing.assert_close(packed.angle(), z.angle())


def test_dc_is_real_and_nyquist_imaginary_in_the_first_bin() -> None:
    """A constant 1 has sum(window) / |window| in bin 0; the alternating signal has the same in bin n_fft/2."""
    view = Spectrogram(power=1.0)
    constant = torch.ones(1, 1, 1024, dtype=torch.float64)
    value = 64 / math.sqrt(48)  # n_fft = 128: sum 64, sum of squares 48
    inside = slice(1, -1)  # frames that touch no padding
    real, imag = view.encode(constant)[0, :, 0, inside]
    torch.testing.assert_close(real, torch.full_like(real, value))
    torch.testing.assert_close(imag, torch.zeros_like(imag))
    alternating = constant.clone()
    alternating[..., 1::2] = -1
    real, imag = view.encode(alternating)[0, :, 0, inside]
    torch.testing.assert_close(real, torch.zeros_like(real))
    torch.testing.assert_close(imag.abs(), torch.full_like(imag, value))


def test_white_noise_has_unit_power_in_every_bin() -> None:
    wave = torch.randn(8, 1, 65536, generator=torch.Generator().manual_seed(0))
    power = Spectrogram().stft(wave).abs().square().mean(dim=(0, 1, 3))
    torch.testing.assert_close(power, torch.ones_like(power), rtol=0, atol=0.1)  # 8192 frames: 1 +- 7 deviations


def test_scale_multiplies_x0() -> None:
    wave = torch.randn(1, 1, 1024)
    one, three = Spectrogram().encode(wave), Spectrogram(scale=3.0).encode(wave)
    torch.testing.assert_close(three, 3 * one)
    torch.testing.assert_close(Waveform(0.5).encode(wave), 0.5 * wave)


def test_gradients_are_finite_at_silence() -> None:
    x = torch.zeros(1, 2, 64, 16, requires_grad=True)
    Spectrogram().decode(x).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_fft": 127}, "n_fft=127 must be even"),
        ({"hop": 96}, "hop=96 must be even and from 2 to n_fft/2=64"),
        ({"hop": 0}, "hop=0 must be even"),
        ({"power": 0.0}, r"power=0.0 must be in \(0, 1\]"),
    ],
)
def test_options_without_an_inverse_are_refused(options: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Spectrogram(**options)
