"""Media through an autoencoder: with one that loses nothing, nothing may be lost, in every modality."""

import json

import numpy
import pytest
import torch

from modalities.data.batch import Batch
from modalities.latents import cache
from modalities.latents.media import LatentMedia
from modalities.modality import Modality, load
from tests.modalities.latents.exact import Exact

MEDIA = {
    "image": {"size": 8, "flip": True},
    "audio": {"samples": 256},
    "spectrogram": {"samples": 1024, "representation": "spectrogram", "n_fft": 32, "hop": 16, "power": 1.0},
    "video": {"size": 8, "frames": 4, "flip": True},
}
SHAPES = {"image": (12, 4, 4), "audio": (2, 128), "spectrogram": (8, 8, 32), "video": (12, 4, 4, 4)}


def seen(name: str, **options) -> LatentMedia:
    media = load("audio" if name == "spectrogram" else name, **MEDIA[name])
    autoencoder = Exact()
    channels = autoencoder.latent_shape(media.event_shape)[0]
    steps = torch.arange(channels, dtype=torch.float32)
    return LatentMedia(media=media, autoencoder=autoencoder, shift=steps / 10, scale=1 / (1 + steps), **options)


def some(media: Modality, count: int = 5) -> torch.Tensor:
    """Stored media of the embedded generator."""
    source = media.source(None, "train")
    batch = Batch.of([source.read(i, torch.Generator().manual_seed(i)) for i in range(count)])
    return media.prepare(batch, None)


@pytest.mark.parametrize("name", MEDIA)
def test_nothing_is_lost_on_the_way_there_and_back(name):
    media = seen(name)
    stored = some(media)
    x0 = media.encode(stored)
    assert media.event_shape == SHAPES[name]
    assert x0.shape == (5, *SHAPES[name])
    back = media.decode(x0)
    assert back.dtype == stored.dtype
    assert (back.int() - stored.int()).abs().max() <= (1 if name == "spectrogram" else 0)


@pytest.mark.parametrize("name", MEDIA)
def test_shift_and_scale_are_applied_per_channel(name):
    media = seen(name)
    stored = some(media)
    z = media.autoencoder.encode(media.media.encode(stored))
    x0 = media.encode(stored)
    for c in range(len(media.shift)):
        assert torch.allclose(x0[:, c], (z[:, c] - c / 10) / (1 + c), atol=1e-6)


@pytest.mark.parametrize(("name", "rank"), [("image", 2), ("audio", 1), ("spectrogram", 2), ("video", 3)])
def test_the_network_is_the_medias_own_on_the_latents_channels(name, rank):
    media = seen(name)
    network = media.network(classes=3, width=8, multipliers=[1], attention=False, patch=1)
    x = torch.randn(2, *SHAPES[name])
    assert len(SHAPES[name]) == rank + 1
    assert network(x, torch.zeros(2), {"label": torch.tensor([0, -1])}).shape == x.shape
    assert type(network) is type(media.media.network(width=8, multipliers=[1], attention=False))


def test_files_and_sheets_are_the_medias(tmp_path):
    media = seen("image")
    stored = some(media)
    assert (media.name, media.suffix) == ("image", ".png")
    media.write(stored[0], tmp_path / "a.png")
    media.media.write(stored[0], tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    media.sheet(stored, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()


def test_decoding_is_differentiable_for_solvers_that_need_it():
    """Of x0 = (3 fold(x) + 1 - shift) scale, so the gradient of the sum of the decoded is 1 / (3 scale) per number."""
    media = seen("image")
    x = torch.randn(1, *media.event_shape, requires_grad=True)
    media.decoded(x).sum().backward()
    assert x.grad is not None
    expected = (1 + torch.arange(12.0)) / 3
    assert torch.allclose(x.grad[0].mean((1, 2)), expected)
    assert not any(p.requires_grad for p in media.autoencoder.parameters())


@pytest.mark.parametrize("name", ["image", "audio"])
def test_a_tile_changes_nothing_for_a_local_decoder(name):
    whole, tiled = seen(name), seen(name, tile=8)
    x = torch.randn(2, *(SHAPES[name][:1]), *(3 * n for n in SHAPES[name][1:]))
    assert torch.allclose(whole.decoded(x), tiled.decoded(x), atol=1e-5)


def test_latents_must_be_maps_of_the_same_rank():
    class Flat(Exact):
        def latent_shape(self, event_shape):
            return (16,)

    with pytest.raises(ValueError, match="another rank"):
        LatentMedia(media=load("image"), autoencoder=Flat(), shift=torch.zeros(16), scale=torch.ones(16))
    with pytest.raises(ValueError, match="3 values for latents of 12 channels"):
        LatentMedia(media=load("image"), autoencoder=Exact(), shift=torch.zeros(3), scale=torch.ones(12))


def written(path, media: LatentMedia, *, crops: int = 1) -> torch.Tensor:
    """A small cache of ten random latents, two views each, by the functions that read it back."""
    z = torch.randn(10 * crops, 2, *media.event_shape, generator=torch.Generator().manual_seed(0))
    facts = cache.Facts(
        media.fingerprint, media.name, dict(MEDIA["image"]), list(media.event_shape), "<f4", True, crops,
        {"train": {"examples": 10, "shards": 1, "shard": 10, "classes": ["a", "b"]}},
    )  # fmt: skip
    path.mkdir()
    data = [cache.npy(row) for row in z]
    (path / "train-00000.tar").write_bytes(b"".join(data))
    index = {
        "bytes": sum(map(len, data)),
        "size": len(data[0]),
        "offsets": [i * len(data[0]) for i in range(len(data))],
        "labels": [i % 2 for i in range(len(data))],
        "captions": [f"number {i}" for i in range(len(data))],
        "names": [f"{i}" for i in range(len(data))],
        "values": [{"size": float(i)} for i in range(len(data))],
    }
    (path / "train-00000.json").write_text(json.dumps(index))
    (path / "cache.json").write_text(json.dumps(facts._asdict()))
    return z


def test_cached_latents_are_read_mirrored_and_scaled_as_encoded_ones(tmp_path):
    media = seen("image", fingerprint="f")
    z = written(tmp_path / "cache", media)
    source = media.source(tmp_path / "cache", "train")
    assert (len(source), source.classes) == (10, ("a", "b"))
    assert source.field("size") == [float(i) for i in range(10)]
    examples = [source.read(i, torch.Generator().manual_seed(0)) for i in range(10)]
    assert (examples[3].label, examples[3].caption, examples[3].values) == (1, "number 3", {"size": 3.0})
    batch = Batch.of(examples)
    plain = media.prepare(batch, None)
    assert torch.equal(plain, z[:, 0])
    mixed = media.prepare(batch, torch.Generator().manual_seed(1))
    mirrored = [bool(torch.equal(mixed[i], z[i, 1])) for i in range(10)]
    assert 0 < sum(mirrored) < 10
    assert all(torch.equal(mixed[i], z[i, int(m)]) for i, m in enumerate(mirrored))
    x0 = media.encode(plain)
    assert torch.allclose(x0[:, 5], (z[:, 0, 5] - 0.5) / 6)


def test_the_generator_chooses_among_the_crops(tmp_path):
    media = seen("image", fingerprint="f")
    z = written(tmp_path / "cache", media, crops=3)
    source = media.source(tmp_path / "cache", "train")
    assert len(source) == 10
    got = {
        next(i for i in range(30) if torch.equal(z[i], source.read(4, torch.Generator().manual_seed(seed)).media))
        for seed in range(40)
    }
    assert got == {12, 13, 14}


def test_a_cache_of_something_else_is_refused(tmp_path):
    media = seen("image", fingerprint="f")
    written(tmp_path / "cache", media)
    with pytest.raises(ValueError, match="latents of another autoencoder"):
        seen("image", fingerprint="g").source(tmp_path / "cache", "train")
    other = LatentMedia(
        media=load("image", size=16), autoencoder=Exact(), shift=torch.zeros(12), scale=torch.ones(12), fingerprint="f"
    )
    with pytest.raises(ValueError, match="size=8"):
        other.source(tmp_path / "cache", "train")
    facts = json.loads((tmp_path / "cache" / "cache.json").read_text())
    (tmp_path / "cache" / "cache.json").write_text(json.dumps(facts | {"flip": False}))
    with pytest.raises(ValueError, match=r"media\.flip=true"):
        media.source(tmp_path / "cache", "train")
    (tmp_path / "cache" / "train-00000.tar").write_bytes(b"half")
    with pytest.raises(ValueError, match="unfinished: shard 1 of 1"):
        media.source(tmp_path / "cache", "train")
    (tmp_path / "cache" / "cache.json").write_text('{"size": 3}')
    with pytest.raises(ValueError, match="does not describe a cache"):
        media.source(tmp_path / "cache", "train")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_npy_is_what_numpy_reads(tmp_path, dtype):
    z = torch.randn(2, 3, 4, 5).to(dtype)
    (tmp_path / "a.npy").write_bytes(cache.npy(z))
    read = numpy.load(tmp_path / "a.npy")
    assert read.dtype == {torch.float32: numpy.float32, torch.float16: numpy.float16}[dtype]
    assert numpy.array_equal(read, z.numpy())
    assert torch.equal(cache.from_npy((tmp_path / "a.npy").read_bytes()), z)
