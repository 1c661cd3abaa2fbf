"""References from files: converted as in training, begun at their beginning, with their true length."""

import numpy
import pytest
import soundfile
import torch
from PIL import Image

from modalities import modality
from modalities.references import files
from modalities.references.value import each, parse
from modalities.video.writer import write as write_clip

IMAGE = modality.load("image", size=16)
AUDIO = modality.load("audio", samples=4000)
VIDEO = modality.load("video", size=16, frames=6)


def read(path, media, **options) -> list:
    """The references under a path, as the tools read them."""
    return [files.read(parse(value), media, **options) for value in each(str(path), media.name, 9)]


def picture(path, width=16, height=16) -> numpy.ndarray:
    pixels = numpy.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_a_picture_of_the_models_size_arrives_bit_for_bit(tmp_path):
    pixels = picture(tmp_path / "a.png")
    (reference,) = read(tmp_path / "a.png", IMAGE)
    assert torch.equal(IMAGE.decode(reference.x0[None])[0], torch.from_numpy(pixels).movedim(-1, 0))
    assert (reference.detail, reference.length) == (16, 0)


def test_a_folder_is_read_in_natural_order(tmp_path):
    for name, width in (("b10", 20), ("b9", 40)):
        picture(tmp_path / f"{name}.png", width, 30)
    found = list(read(tmp_path, IMAGE))
    assert [(r.name, r.detail) for r in found] == [("b9.png", 30), ("b10.png", 20)]


def test_a_sound_is_resampled_from_its_beginning_and_its_length_is_told(tmp_path):
    t = numpy.arange(4000) / 16000  # a quarter of a second
    soundfile.write(tmp_path / "short.wav", 0.5 * numpy.sin(2 * numpy.pi * 440 * t), 16000)
    soundfile.write(tmp_path / "long.wav", numpy.linspace(-0.5, 0.5, 40_000), 8000)
    short, long = sorted(read(tmp_path, AUDIO), key=lambda r: r.length)
    assert (short.length, short.detail) == (2000, 16000)
    assert float(short.x0[0, 2010:].abs().max()) == 0
    assert float(short.x0[0, :2000].square().mean().sqrt()) == pytest.approx(0.5 / 2**0.5, rel=0.02)
    assert (long.length, long.detail) == (4000, 8000)
    assert float(long.x0[0, 0]) == pytest.approx(-0.5, abs=1e-3)


def test_clips_stills_and_short_clips(tmp_path):
    frames = torch.arange(6).view(6, 1, 1, 1).mul(40).expand(6, 16, 16, 3).to(torch.uint8)
    for name, clip in (("long", frames.repeat(2, 1, 1, 1)), ("short", frames[:3])):
        (tmp_path / name).mkdir()
        write_clip(clip, tmp_path / name / "clip.mp4", 8.0)
    (tmp_path / "still").mkdir()
    Image.fromarray(numpy.full((16, 16, 3), 200, dtype=numpy.uint8)).save(tmp_path / "still" / "a.png")
    (long,), (short,), (still,) = (list(read(tmp_path / name, VIDEO)) for name in ("long", "short", "still"))
    assert [r.length for r in (long, short, still)] == [6, 3, 1]
    assert [r.x0.shape for r in (long, short, still)] == [(3, 6, 16, 16)] * 3
    levels = VIDEO.decode(short.x0[None])[0].float().mean((1, 2, 3))
    assert torch.allclose(levels, torch.tensor([0.0, 40, 80, 80, 80, 80]), atol=4)
    assert torch.allclose(VIDEO.decode(long.x0[None])[0].float().mean((1, 2, 3)), torch.arange(6.0) * 40, atol=4)
    assert torch.allclose(VIDEO.decode(still.x0[None])[0].float(), torch.tensor(200.0))


def test_a_sound_in_its_own_length(tmp_path):
    soundfile.write(tmp_path / "long.wav", numpy.linspace(-0.5, 0.5, 10_001), 8000)
    (reference,) = read(tmp_path / "long.wav", AUDIO, whole=64)
    assert reference.x0.shape == (1, 10_048)
    assert float(reference.x0[0, 10_000]) == pytest.approx(0.5, abs=1e-3)
    assert float(reference.x0[0, 10_001:].abs().max()) == 0


def test_examples_of_a_data_set_and_of_the_generator_by_number(tmp_path):
    for name in ("train/a.png", "test/a.png", "test/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(numpy.full((16, 16, 3), 10 * len(name) + ord(name[-5]), dtype=numpy.uint8)).save(
            tmp_path / name
        )
    for i, letter in enumerate("ab"):  # held-out ones
        level = IMAGE.decode(files.read(parse(f"{tmp_path}#{i}"), IMAGE).x0[None]).unique().tolist()
        assert level == [100 + ord(letter)]
    with pytest.raises(ValueError, match="holds 2 references: 0 to 1"):
        files.read(parse(f"{tmp_path}#2"), IMAGE)
    own = IMAGE.source(None, "test").read(3, torch.Generator()).media
    assert torch.equal(IMAGE.decode(files.read(parse("#3"), IMAGE).x0[None])[0], own)


@pytest.mark.parametrize(
    ("name", "media", "words"),
    [
        ("gone.png", IMAGE, "there is no file or folder"),
        ("a.wav", IMAGE, "not an image: modality=audio"),
        ("broken.png", IMAGE, "broken.png: it cannot be read"),
        ("broken.wav", AUDIO, "broken.wav: it cannot be read"),
        ("broken.mp4", VIDEO, "broken.mp4: it cannot be read"),
    ],
)
def test_what_is_no_reference_is_one_line(tmp_path, name, media, words):
    for bad in ("broken.png", "broken.wav", "broken.mp4"):
        (tmp_path / bad).write_bytes(b"nonsense" * 10)
    soundfile.write(tmp_path / "a.wav", numpy.zeros(100), 8000)
    with pytest.raises(ValueError, match=words) as caught:
        list(read(tmp_path / name, media))
    assert "\n" not in str(caught.value)
