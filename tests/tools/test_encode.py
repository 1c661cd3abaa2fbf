"""A cache of latents: what is in it, that a kill costs a shard at most, and that several processes write the same."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import torch
from PIL import Image

from modalities.latents.cache import Cache
from modalities.latents.media import LatentMedia
from tests.tools.small import trained
from tests.tools.test_bad_input import one_line
from tools import build, encode
from tools import recipe as recipes
from tools.latents import caching, space

COUNT = 22


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Pictures of noise with labels, captions and a value."""
    folder = tmp_path_factory.mktemp("data")
    g = numpy.random.default_rng(0)
    rows = ["file_name,label,caption,weight"]
    for i in range(COUNT):
        Image.fromarray(g.integers(0, 255, (16, 16, 3), dtype=numpy.uint8)).save(folder / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{'ab'[i % 2]},picture {i},{i / 2}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory, data) -> Path:
    run = tmp_path_factory.mktemp("runs") / "autoencoder"
    shape = ["autoencoder.network.width=8", "autoencoder.network.multipliers=[1,2]"]
    assert trained(run, "stage=autoencoder", *shape, f"data.path={data}", "sample.batch=8", steps=2) == 0
    return run


def words(autoencoder: Path, data: Path, out: Path, *more: str) -> list[str]:
    return [f"run={autoencoder}", f"data.path={data}", f"out={out}", "shard=8", "data.workers=0", "device=cpu", *more]


@pytest.fixture(scope="module")
def written(tmp_path_factory, autoencoder, data) -> Path:
    out = tmp_path_factory.mktemp("caches") / "cache"
    assert encode.main(words(autoencoder, data, out, "media.flip=true")) == 0
    return out


def media_of(autoencoder: Path, data: Path) -> LatentMedia:
    argv = [f"run={autoencoder}", f"data.path={data}"]
    media = build.modality(space.adopted(encode.wanted(argv, Path("nowhere"))))
    assert isinstance(media, LatentMedia)
    return media


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_the_shards_hold_every_example_as_it_is_encoded(written, autoencoder, data):
    """Read with tarfile, numpy and json alone; mirrored latents are those of the mirrored picture."""
    media = media_of(autoencoder, data)
    shards = sorted(written.glob("*.tar"))
    assert [len(members(shard)) for shard in shards] == [16, 16, 12]
    everything = {name: body for shard in shards for name, body in members(shard).items()}
    for i in range(COUNT):
        z = numpy.load(io.BytesIO(everything[f"{i:09d}.npy"]))
        about = json.loads(everything[f"{i:09d}.json"])
        assert about["name"].endswith(f"{i:02d}.png")
        assert (about["label"], about["caption"], about["weight"]) == (i % 2, f"picture {i}", i / 2)
        picture = torch.from_numpy(numpy.array(Image.open(data / f"{i:02d}.png"))).permute(2, 0, 1)[None]
        for view, stored in zip(z, (picture, picture.flip(-1)), strict=True):
            expected = media.latents(media.media.encode(stored))[0]
            assert numpy.allclose(view, expected.numpy(), atol=1e-5)


def test_every_checksum_is_that_of_its_shard(written):
    for shard in written.glob("*.tar"):
        index = json.loads(shard.with_suffix(".json").read_text())
        assert index["sha256"] == hashlib.sha256(shard.read_bytes()).hexdigest()
        assert index["bytes"] == shard.stat().st_size


def test_the_source_gives_labels_captions_and_values(written):
    source = Cache(written, "train")
    assert (len(source), source.classes) == (COUNT, ("a", "b"))
    assert source.field("weight") == [i / 2 for i in range(COUNT)]
    example = source.read(19, torch.Generator())
    assert (example.label, example.caption, example.values["weight"]) == (1, "picture 19", 9.5)
    assert example.media.shape[0] == 2


def test_a_second_start_mends_what_is_missing_or_damaged_and_nothing_else(written, autoencoder, data):
    """The bytes are those of the first time; what a kill left under a temporary name goes."""
    before = contents(written)
    again = words(autoencoder, data, written, "media.flip=true")
    untouched = (written / "train-00000.tar").stat().st_mtime_ns
    (written / "train-00001.json").unlink()
    damaged = bytearray((written / "train-00002.tar").read_bytes())
    damaged[600] ^= 1
    (written / "train-00002.tar").write_bytes(damaged)
    (written / ".train-00001.77.part.tar").write_bytes(b"half")
    assert encode.main(again) == 0
    assert contents(written) == before
    assert (written / "train-00000.tar").stat().st_mtime_ns == untouched


def test_a_kill_between_shards_leaves_an_unfinished_cache_that_is_completed(
    tmp_path, autoencoder, data, written, monkeypatch, capsys
):
    original = caching.write_shard

    def killed(out, name, first, rows):
        if name.endswith("1"):
            raise KeyboardInterrupt
        original(out, name, first, rows)

    monkeypatch.setattr(caching, "write_shard", killed)
    out = tmp_path / "cache"
    again = words(autoencoder, data, out, "media.flip=true")
    assert encode.main(again) == 130
    capsys.readouterr()
    assert trained(tmp_path / "run", f"latents={autoencoder}", f"data.path={out}") == 2
    assert "is unfinished: shard 2 of 3" in one_line(capsys)
    monkeypatch.undo()
    assert encode.main(again) == 0
    assert contents(out) == contents(written)


def test_two_processes_write_what_one_does(tmp_path, autoencoder, data, written):
    """The shards of each of two, one process after the other."""
    out = tmp_path / "cache"
    recipe = space.adopted(encode.wanted([f"run={autoencoder}", f"data.path={data}", "media.flip=true"], out))
    media = build.modality(recipe)
    assert isinstance(media, LatentMedia)
    told: list[list[int]] = [[], []]
    for rank in (0, 1):
        world = SimpleNamespace(rank=rank, size=2, first=rank == 0, device=torch.device("cpu"), barrier=lambda: None)
        source, plan = media.source(data, "train"), caching.Plan(out, shard=8)
        caching.write(recipe, media, source, plan, world, say=print, done=told[rank].append)  # type: ignore[arg-type]
        assert len(list(out.glob("*.tar"))) == 2 + rank
    assert contents(out) == contents(written)
    assert told == [[16, 22], [16]]


def test_half_precision_and_crops(tmp_path, autoencoder, data, written):
    """float16 keeps 11 bits. Pictures are not cropped at random, so their crops are alike."""
    out = tmp_path / "cache"
    assert encode.main(words(autoencoder, data, out, "dtype=float16", "crops=2")) == 0
    source, full = Cache(out, "train"), Cache(written, "train")
    assert len(source) == COUNT
    for i in (0, 13):
        half, whole = (cache.read(i, torch.Generator().manual_seed(0)).media for cache in (source, full))
        assert half.dtype == torch.float16
        assert torch.allclose(half[0].float(), whole[0], rtol=2**-10, atol=1e-3)


def test_another_split_joins_the_cache(tmp_path, autoencoder):
    data, out = tmp_path / "data", tmp_path / "cache"
    g = numpy.random.default_rng(1)
    for split, count in (("train", 3), ("test", 2)):
        for i in range(count):
            path = data / split / "a" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(g.integers(0, 255, (16, 16, 3), dtype=numpy.uint8)).save(path)
        assert encode.main(words(autoencoder, data, out, f"data.split={split}")) == 0
    assert [len(Cache(out, split)) for split in ("train", "test", "val")] == [3, 2, 2]


def test_mistakes_are_one_line(tmp_path, capsys, autoencoder, data, written):
    other = tmp_path / "other"
    other.mkdir()
    (other / "diary.txt").write_text("dear diary")
    new = tmp_path / "new"
    for argv, expected in (
        ([f"run={autoencoder}", f"data.path={data}"], "say where the latents go: out=DIR"),
        (words(autoencoder, data, new, "dtype=int8"), "dtype=int8 must be one of float32, float16"),
        (words(autoencoder, data, new, "crops=0"), "crops=0 must be a whole number"),
        (words(autoencoder, data, new, "crop=2"), "unknown key crop"),
        (words(autoencoder, data, other), "holds other files"),
        (words(autoencoder, data, written), "is a cache of media="),
        (words(autoencoder, tmp_path / "nowhere", new), "nowhere"),
        (["modality=image", f"out={new}"], "say with which autoencoder"),
    ):
        assert encode.main(argv) == 2, argv
        assert expected in one_line(capsys)
    assert (other / "diary.txt").read_text() == "dear diary"
    assert not new.exists()


def test_a_cache_trains_conditions_and_classes(tmp_path, autoencoder, written):
    """The values and captions of the media are there for the model's conditions."""
    run = tmp_path / "run"
    asked = ["conditions.weight=value", "conditions.weight.field=weight", "conditions.caption=text"]
    assert trained(run, f"latents={autoencoder}", f"data.path={written}", *asked) == 0
    recipe = recipes.read(run / "recipe.yaml")
    assert recipe.data.classes == ["a", "b"]
    assert (recipe.conditions["weight"]["low"], recipe.conditions["weight"]["high"]) == (0.0, (COUNT - 1) / 2)
