"""Reference kinds: what a batch says, what a file says, and what the network is shown of it."""

import math

import numpy
import pytest
import soundfile
import torch
from PIL import Image
from safetensors.torch import save_file

from core.condition import is_absent
from modalities import modality
from modalities.condition import build
from modalities.references import degrade
from modalities.references.known import put_in
from modalities.references.mel import Mel, distance
from modalities.video.writer import write as write_clip

IMAGE = modality.load("image", size=16, channels=1)
AUDIO = modality.load("audio", samples=4096, scale=2.0)
SPECTRA = modality.load("audio", samples=4096, representation="spectrogram", n_fft=256, hop=64)
VIDEO = modality.load("video", size=16, frames=8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kind(name: str, media, **options):
    return build({"reference": {"name": name, **options}}, media)["reference"]


def some(media, count: int = 3) -> torch.Tensor:
    return 0.5 * torch.randn(count, *media.event_shape, generator=generator())


ALL = [
    ("low_resolution", IMAGE), ("low_resolution", VIDEO), ("low_resolution", AUDIO), ("low_resolution", SPECTRA),
    ("mel", AUDIO), ("mel", SPECTRA), ("frames", VIDEO),
    ("masked", IMAGE), ("masked", VIDEO), ("masked", AUDIO), ("masked", SPECTRA),
]  # fmt: skip


@pytest.mark.parametrize(("name", "media"), ALL, ids=lambda v: v if isinstance(v, str) else v.name)
def test_a_network_sees_the_rows_and_not_their_absence(name, media):
    """Rows change the output, absent rows equal missing ones, and nothing is ever NaN."""
    reference = kind(name, media)
    x0 = some(media, 8)
    rows = reference.of(None, x0, generator())
    assert torch.equal(rows.isnan(), reference.of(None, x0, generator()).isnan())
    torch.manual_seed(0)
    network = media.network(
        conditions={"reference": reference}, width=8, multipliers=[1], blocks=1, attention=False, patch=2
    )
    torch.nn.init.normal_(network.unet.head.weight, std=0.1)
    with torch.no_grad():
        seen, unseen = (network(x0, torch.zeros(8), cond) for cond in ({"reference": rows}, None))
        absent = network(x0, torch.zeros(8), {"reference": torch.full_like(rows, torch.nan)})
    assert bool(seen.isfinite().all())
    assert torch.allclose(absent, unseen, atol=1e-6)
    said = ~is_absent(rows)
    assert bool(said.any())
    assert bool(((seen - unseen).flatten(1).abs().amax(1) > 1e-3)[said].all())
    assert bool(is_absent(reference.empty()).all())


@pytest.mark.parametrize(("name", "media"), [("frames", VIDEO), ("masked", IMAGE)])
def test_known_parts_are_x0_itself_and_follow_the_generator(name, media):
    reference, x0 = kind(name, media), some(media, 32)
    rows = reference.of(None, x0, generator(1))
    assert torch.equal(put_in(x0, rows), x0)
    assert torch.equal(rows.isnan().all(1), rows.isnan().any(1))  # all channels of a place, or none
    other = reference.of(None, x0, generator(2))
    assert not torch.equal(rows.isnan(), other.isnan())


def test_the_shares_of_tasks_are_the_options():
    x0 = some(VIDEO, 200)
    rows = kind("frames", VIDEO, first=0.0, between=0.0, scattered=0.0, still=1.0, generate=1.0).of(
        None, x0, generator()
    )
    known = (~rows.isnan()).all(1).flatten(2).all(2)  # (B, T)
    assert set(known.sum(1).tolist()) == {0, 1}
    assert 60 < int(known[:, 0].sum()) < 140
    assert not bool(known[:, 1:].any())
    with pytest.raises(ValueError, match=r"still=-1\.0 must be at least 0"):
        kind("frames", VIDEO, still=-1.0)
    with pytest.raises(ValueError, match="must be above 0"):
        kind("masked", IMAGE, hole=0.0, around=0.0, side=0.0, generate=0.0)


def test_low_resolution_of_a_large_file_and_of_a_small_one(tmp_path):
    """The original is degraded; a picture that is small already is the low resolution itself."""
    reference = kind("low_resolution", IMAGE, factor=4)
    pixels = numpy.random.default_rng(0).integers(0, 256, (16, 16), dtype=numpy.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    Image.fromarray(pixels[:4, :4]).save(tmp_path / "small.png")
    large, small = (reference.given(str(tmp_path / f"{name}.png")) for name in ("large", "small"))
    x0 = IMAGE.encode(torch.from_numpy(pixels)[None, None])
    assert torch.equal(large, reference.of(None, x0, generator()))
    assert torch.equal(small, degrade.larger(x0[..., :4, :4], 4))


def test_low_resolution_of_clips_in_files(tmp_path):
    reference = kind("low_resolution", VIDEO, factor=2)
    write_clip(torch.full((8, 8, 8, 3), 120, dtype=torch.uint8), tmp_path / "small.mp4", 8.0)
    row = reference.given(str(tmp_path / "small.mp4"))
    assert row.shape == (1, *VIDEO.event_shape)
    assert float((VIDEO.decode(row).float() - 120).abs().max()) <= 4


def test_a_mel_is_the_same_from_waveform_spectrogram_and_file(tmp_path):
    t = torch.arange(4096) / 8000
    wave = 0.3 * torch.sin(2 * math.pi * (300 * t + 400 * t**2))[None, None]
    own, other = kind("mel", AUDIO), kind("mel", SPECTRA)
    a = own.of(None, AUDIO.view.encode(wave), generator())
    b = other.of(None, SPECTRA.view.encode(wave), generator())
    assert a.shape == (1, 40, 64)
    assert float(distance(a, b)) < 0.1  # decibels
    soundfile.write(tmp_path / "a.wav", wave[0, 0].numpy(), 8000)
    numpy.save(tmp_path / "a.npy", a[0].numpy())
    save_file({"mel": a[0].contiguous()}, tmp_path / "a.safetensors")
    assert torch.equal(own.given(str(tmp_path / "a.npy")), a)
    assert torch.equal(own.given(str(tmp_path / "a.safetensors")), a)
    assert float(distance(own.given(str(tmp_path / "a.wav")), a)) < 1.0  # 16 bits


def test_a_mel_beside_a_spectrogram_lies_at_its_frequencies():
    """The loudest bin of what the network is shown is that of the sine."""
    reference = kind("mel", SPECTRA)
    t = torch.arange(4096) / 8000
    wave = 0.3 * torch.sin(2 * math.pi * 1000 * t)[None, None]
    shown = reference.module(16)(reference.of(None, SPECTRA.view.encode(wave), generator()))
    assert shown.shape == (1, 2, 128, 64)
    assert abs(int(shown[0, 0, :, 32].argmax()) - 32) <= 2  # 1000 Hz is bin 32 of 256 samples at 8 kHz
    assert bool((shown[0, 1] == 1).all())


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda p: numpy.save(p, numpy.zeros((39, 5), dtype=numpy.float32)), r"a mel for this model is \(40, frames\)"),
        (lambda p: numpy.save(p, numpy.full((40, 5), numpy.inf)), "must hold finite natural logarithms"),
        (lambda p: numpy.save(p, numpy.array([{}], dtype=object), allow_pickle=True), "is not a readable array"),
        (lambda p: p.write_bytes(b"nonsense"), "is not a readable array"),
        (lambda p: None, "there is no file"),
    ],
)
def test_what_is_no_mel_is_one_line(tmp_path, write, words):
    write(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=words):
        kind("mel", AUDIO).given(str(tmp_path / "a.npy"))


def test_frames_of_a_file_take_the_known_places(tmp_path):
    frames = torch.arange(8).view(8, 1, 1, 1).mul(30).expand(8, 16, 16, 3).to(torch.uint8)
    write_clip(frames, tmp_path / "long.mp4", 8.0)
    write_clip(frames[[0, 6]], tmp_path / "two.mp4", 8.0)
    reference = kind("frames", VIDEO)
    for name, spec, expected in (
        ("long", "@first_last", {0: 0, 7: 210}),
        ("two", "@first_last", {0: 0, 7: 180}),
        ("two", "", {0: 0, 1: 180}),
        ("long", "@[2, 5]", {2: 60, 5: 150}),
    ):
        row = reference.given(f"{tmp_path / name}.mp4{spec}")
        known = ~row[0].isnan().flatten(2).all(2).all(0)
        assert known.nonzero().flatten().tolist() == list(expected)
        levels = VIDEO.decode(row.nan_to_num())[0].float().mean((1, 2, 3))
        for place, level in expected.items():
            assert float(levels[place]) == pytest.approx(level, abs=4)


def test_a_sound_is_known_for_as_long_as_its_file_is(tmp_path):
    soundfile.write(tmp_path / "a.wav", numpy.full(2000, 0.25), 8000)
    reference = kind("masked", AUDIO)
    row = reference.given(str(tmp_path / "a.wav"))
    assert (~row[0, 0].isnan()).nonzero().flatten().tolist() == list(range(2000))
    row = reference.given(f"{tmp_path / 'a.wav'}@![0.1,0.2]")
    assert row[0, 0].isnan().nonzero().flatten().tolist() == list(range(800, 1600))


@pytest.mark.parametrize(
    ("name", "media", "options", "words"),
    [
        ("low_resolution", IMAGE, {"factor": 3}, "factor=3 must divide the sides of 16x16"),
        ("low_resolution", IMAGE, {"factor": 1}, "factor=1 must be at least 2"),
        ("mel", IMAGE, {}, "a mel spectrogram is of sounds, not of modality=image"),
        ("mel", AUDIO, {"hop": 48, "n_fft": 240}, "hop=48 must divide samples=4096"),
        ("mel", AUDIO, {"n_mels": 200}, "use fewer filters or a longer window"),
        ("frames", IMAGE, {}, "frames: needs clips of at least 2 frames"),
    ],
)
def test_kinds_that_do_not_go_with_the_media(name, media, options, words):
    with pytest.raises(ValueError, match=words):
        kind(name, media, **options)


def test_filters_are_those_of_the_kind():
    assert torch.equal(kind("mel", AUDIO, n_mels=20).log_mel.bank(), Mel(n_mels=20).bank())
