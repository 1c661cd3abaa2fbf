"""Partners of files: matched by name, decoded from the same place, and mirrored with their example."""

import pickle

import numpy
import pytest
import soundfile
import torch
from PIL import Image

from modalities import modality
from modalities.data.batch import Batch
from modalities.data.pairs import matched, paired


def pictures(folder, *names: str, channels: int = 3) -> None:
    """Pictures whose first pixel is their number; the partner of a picture is its negative."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = numpy.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=numpy.uint8)
        Image.fromarray(pixels if "neg" not in str(folder) else 255 - pixels).save(path)


def examples(source, count: int) -> list:
    return [source.read(i, torch.Generator().manual_seed(i)) for i in range(count)]


def test_partners_are_matched_by_path_then_by_bare_name():
    others = ["a/1.png", "b/1.png", "b/2.jpg", "deep/3.png"]
    assert matched(["a/1.jpg", "b/1.jpg", "2.png", "x/3.gif", "1.png", "4.png"], others) == {
        "a/1.jpg": "a/1.png", "b/1.jpg": "b/1.png", "2.png": "b/2.jpg", "x/3.gif": "deep/3.png",
        "1.png": None, "4.png": None,
    }  # fmt: skip


def test_each_example_comes_with_its_partner(tmp_path):
    names = ("a/1.png", "a/2.png", "b/1.png")
    pictures(tmp_path / "pos", *names)
    pictures(tmp_path / "neg", *names)
    media = modality.load("image", size=8, flip=True)
    source = paired(media.source(tmp_path / "pos", "train"), tmp_path / "neg", "image")
    batch = pickle.loads(pickle.dumps(Batch.of(examples(pickle.loads(pickle.dumps(source)), 3))))
    assert batch.partner is not None
    for seed in range(4):  # both are mirrored by the same coins
        both = [media.prepare(b, torch.Generator().manual_seed(seed)) for b in (batch, batch.partner)]
        assert torch.equal(both[0], 255 - both[1])
    assert torch.equal(batch.to("cpu").partner.gather(lambda m, r: m), batch.partner.gather(lambda m, r: m))


def test_both_of_a_pair_are_cut_from_the_same_place(tmp_path):
    wave = numpy.arange(4000, dtype=numpy.int16)
    for folder, sign, ending in (("clean", 1, "wav"), ("noisy", -1, "flac")):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / f"a.{ending}", sign * wave, 8000, subtype="PCM_16")
    media = modality.load("audio", samples=256)
    source = paired(media.source(tmp_path / "clean", "train"), tmp_path / "noisy", "audio")
    starts = set()
    for seed in range(5):
        example = source.read(0, torch.Generator().manual_seed(seed))
        assert torch.equal(example.media, -example.partner[0])
        starts.add(int(example.media[0, 0]))
    assert len(starts) > 1


def test_missing_partners_are_named_in_one_line(tmp_path):
    pictures(tmp_path / "pos", *(f"{i}.png" for i in range(6)))
    pictures(tmp_path / "neg", "0.png", "1.png")
    source = modality.load("image", size=8).source(tmp_path / "pos", "train")
    with pytest.raises(ValueError, match=r"no partner for 4 of 6 files: 2\.png, 3\.png, 4\.png, …"):
        paired(source, tmp_path / "neg", "image")
    with pytest.raises(ValueError, match="there is no file or folder"):
        paired(source, tmp_path / "nowhere", "image")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is empty: it should hold image files"):
        paired(source, tmp_path / "empty", "image")
    with pytest.raises(ValueError, match=r"need data\.path with a file each"):
        paired(modality.load("image", size=8).source(None, "train"), tmp_path / "neg", "image")
