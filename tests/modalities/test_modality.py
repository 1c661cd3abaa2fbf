"""Every modality, found by name: the protocol, the round trip, and what a wrong name or option says."""

import pytest
import torch
from torch import Tensor

from modalities.data.batch import Batch
from modalities.data.example import Example
from modalities.modality import load, names

OPTIONS: dict[str, dict] = {
    "image": {"size": 8},
    "audio": {"samples": 512},
    "video": {"size": 8, "frames": 4},
}
STORED: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {
    "image": (torch.uint8, (3, 8, 8)),
    "audio": (torch.int16, (1, 512)),
    "video": (torch.uint8, (4, 8, 8, 3)),
}
SMALL = {"width": 16, "multipliers": [1, 1], "blocks": 1, "attention": [False, False], "head_channels": 8}


def media(name: str, count: int = 3) -> Tensor:
    dtype, shape = STORED[name]
    low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
    generator = torch.Generator().manual_seed(0)
    return torch.randint(low, high + 1, (count, *shape), generator=generator).to(dtype)


def test_the_three_modalities_are_found() -> None:
    assert names() == ["audio", "image", "video"]


@pytest.mark.parametrize("name", names())
def test_stored_media_survive_encoding_and_decoding_exactly(name: str) -> None:
    modality = load(name, **OPTIONS[name])
    stored = media(name)
    x0 = modality.encode(stored)
    assert x0.dtype == torch.float32
    assert x0.shape == (3, *modality.event_shape)
    assert x0.min() >= -1
    assert x0.max() <= 1
    torch.testing.assert_close(modality.decode(x0), stored, rtol=0, atol=0)


@pytest.mark.parametrize("name", names())
def test_a_batch_that_fits_is_prepared_without_change(name: str) -> None:
    modality = load(name, **OPTIONS[name])
    stored = media(name)
    batch = Batch.of([Example(one, rate=8000 if name == "audio" else 0) for one in stored])
    torch.testing.assert_close(modality.prepare(batch, None), stored, rtol=0, atol=0)


@pytest.mark.parametrize("name", names())
def test_the_embedded_source_fits_without_preparation(name: str) -> None:
    modality = load(name, **OPTIONS[name])
    source = modality.source(None, "train")
    batch = Batch.of([source.read(i, torch.Generator()) for i in range(3)])
    assert batch.labels.tolist() == [0, 1, 2]
    torch.testing.assert_close(modality.prepare(batch, None), batch.groups[0].media, rtol=0, atol=0)


@pytest.mark.parametrize("name", names())
def test_decode_clips_what_no_file_can_hold(name: str) -> None:
    modality = load(name, **OPTIONS[name])
    dtype, shape = STORED[name]
    x = torch.full((1, *modality.event_shape), 9.0)
    assert (modality.decode(x) == torch.iinfo(dtype).max).all()
    assert (modality.decode(-x) == torch.iinfo(dtype).min).all()
    assert modality.decode(x).shape == (1, *shape)


@pytest.mark.parametrize("name", names())
def test_the_network_maps_events_to_events(name: str) -> None:
    modality = load(name, **OPTIONS[name])
    network = modality.network(classes=2, **SMALL)
    x = torch.randn(2, *modality.event_shape)
    y = network(x, torch.zeros(2), {"label": torch.tensor([0, -1])})
    assert y.shape == x.shape


def test_spectrograms_have_their_own_network() -> None:
    modality = load("audio", samples=512, representation="spectrogram", n_fft=32, hop=16)
    assert modality.event_shape == (2, 16, 32)
    network = modality.network(**SMALL)
    assert network(torch.randn(1, 2, 16, 32), torch.zeros(1), None).shape == (1, 2, 16, 32)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("imgae", {}, "unknown modality 'imgae' (did you mean 'image'?); choose one of audio, image, video"),
        ("video", {"frame": 3}, "video has no option 'frame' (did you mean 'frames'?)"),
        ("audio", {"view": None}, "audio has no option 'view'"),
        ("audio", {"representation": "mel"}, "unknown representation 'mel'; choose waveform or spectrogram"),
        ("audio", {"loudness": "loud"}, "unknown loudness 'loud'; choose one of as_is, peak, rms"),
        ("audio", {"representation": "spectrogram", "samples": 1000}, "samples=1000 must be a multiple of hop=64; the"),
        ("audio", {"sample_rate": 0}, "sample_rate=0 must be above 0"),
        ("image", {"channels": 2}, "channels=2 must be 1 (grey) or 3 (RGB)"),
        ("image", {"size": 0}, "size=0 must be at least 1 pixel"),
        ("video", {"frames": 0}, "frames=0 must be above 0"),
    ],
)
def test_a_wrong_name_or_option_is_one_line(name: str, options: dict, says: str) -> None:
    with pytest.raises(ValueError) as error:
        load(name, **options)
    assert str(error.value).startswith(says)
    assert "\n" not in str(error.value)
