"""Diffusion on latents from the command line: with a tiny autoencoder of diffusers, and one that was trained here."""

import json
import shutil
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from modalities.latents.media import LatentMedia
from tests.tools.small import NETWORK, sampled, trained, weights
from tests.tools.test_bad_input import one_line
from tools import build, encode, sample, train
from tools import recipe as recipes
from tools.latents.found import found

AUTOENCODER = ["autoencoder.network.width=8", "autoencoder.network.multipliers=[1,2]", "stage=autoencoder"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """24 pictures of noise in three classes."""
    folder = tmp_path_factory.mktemp("data")
    g = numpy.random.default_rng(0)
    for i in range(24):
        path = folder / "abc"[i % 3] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(g.integers(0, 255, (16, 16, 3), dtype=numpy.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def vae(tmp_path_factory) -> Path:
    """A folder of diffusers: 3x16x16 pictures to latents of 4x8x8."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "vae"
    AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory, data) -> Path:
    """A run of stage=autoencoder: 3x16x16 pictures to latents of 4x4x4."""
    run = tmp_path_factory.mktemp("runs") / "autoencoder"
    words = ["autoencoder.network.patch=2", "sample.batch=24", f"data.path={data}"]
    assert trained(run, *AUTOENCODER, *words, steps=3) == 0
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory, vae, data) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "latent"
    assert trained(folder, f"latents={vae}", f"data.path={data}", steps=4) == 0
    return folder


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]


def pixels(folder: Path) -> numpy.ndarray:
    return numpy.stack([numpy.asarray(Image.open(p)).astype(int) for p in sorted(folder.glob("0*.png"))])


def test_the_recipe_holds_what_was_measured_and_the_run_its_autoencoder(run, vae, data):
    recipe = recipes.read(run / "recipe.yaml")
    space = recipe.latent_space
    assert space.shift == [0.0] * 4  # of the config of AutoencoderKL: its scaling factor, and no shift
    assert space.scale == pytest.approx([0.18215] * 4)
    assert len(space.fingerprint) == 32
    media = build.modality(recipe)
    assert isinstance(media, LatentMedia)
    source = media.source(data, "train")
    x0 = torch.cat([media.encode(source.read(i, torch.Generator()).media[None]) for i in range(24)])
    assert recipe.denoiser.sigma_data == pytest.approx(float(x0.square().mean().sqrt()), abs=1e-4)
    assert {p.name for p in (run / "autoencoder").iterdir()} == {p.name for p in vae.iterdir()}


def test_a_run_is_sampled_wherever_it_is_moved(run, tmp_path, monkeypatch):
    """Nothing but the run's own folder is needed; the pictures are the same."""
    moved = tmp_path / "elsewhere"
    shutil.copytree(run, moved)
    words = ["n=3", "sampler.steps=3"]
    assert sampled(run, *words, f"out={tmp_path / 'a'}") == 0
    stored = (moved / "recipe.yaml").read_text()
    assert "vae" in stored
    for recipe in [moved / "recipe.yaml", *moved.glob("checkpoints/*/recipe.yaml")]:
        recipe.write_text(recipe.read_text().replace("/vae", "/gone"))
    assert sampled(moved, *words, f"out={tmp_path / 'b'}") == 0
    assert numpy.array_equal(pixels(tmp_path / "a"), pixels(tmp_path / "b"))
    assert pixels(tmp_path / "a").shape == (3, 16, 16, 3)
    assert numpy.abs(numpy.diff(pixels(tmp_path / "a"), axis=0)).max() > 0


def test_sampling_decodes_in_bf16_and_in_tiles_within_their_rounding(tmp_path, own, data):
    """16 latent positions a side, a tile of 8: the autoencoder trained here sees only neighbourhoods."""
    run = tmp_path / "run"
    assert trained(run, f"latents={own}", f"data.path={data}", "media.size=64", "precision=fp32", steps=2) == 0
    for name, words in {"whole": [], "tiles": ["sample.tile=12"], "bf16": ["precision=bf16"]}.items():
        assert sampled(run, "n=1", *words, f"out={tmp_path / name}") == 0
    whole, tiles, low = (pixels(tmp_path / name) for name in ("whole", "tiles", "bf16"))
    assert whole.shape == (1, 64, 64, 3)
    assert numpy.abs(tiles - whole).mean() < 2
    assert numpy.abs(low - whole).mean() < 4
    assert whole.std() > 8


def test_interrupted_and_continued_is_bit_identical_though_the_autoencoder_is_gone(tmp_path, own, data):
    """The run has its own copy: what becomes of the original after the start changes nothing."""
    theirs = tmp_path / "theirs"
    shutil.copytree(own, theirs)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert trained(straight, f"latents={own}", f"data.path={data}", steps=3) == 0
    assert trained(broken, f"latents={theirs}", f"data.path={data}", steps=2) == 0
    shutil.rmtree(theirs)
    assert train.main([f"run={broken}", "train.steps=3"]) == 0
    ours, others = weights(straight), weights(broken)
    assert all(torch.equal(ours[name], others[name]) for name in ours)


def test_an_autoencoder_trained_here_gives_its_measured_shift_and_scale(tmp_path, own, data):
    run = tmp_path / "run"
    assert trained(run, f"latents={own}", f"data.path={data}", steps=2) == 0
    measured = json.loads((own / "latents.json").read_text())
    recipe = recipes.read(run / "recipe.yaml")
    assert recipe.latent_space.shift == pytest.approx(measured["shift"])
    assert recipe.latent_space.scale == pytest.approx(measured["scale"])
    assert recipe.denoiser.sigma_data == pytest.approx(1, abs=1e-3)  # of the very examples that were measured
    assert not list((run / "autoencoder").rglob("training.pt"))
    assert sampled(run, "n=1", f"out={tmp_path / 'out'}") == 0
    again = found(str(run / "autoencoder"))  # the copy is a run like any
    assert again.fingerprint == recipe.latent_space.fingerprint


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_sounds_and_clips(tmp_path, modality, monkeypatch):
    monkeypatch.setattr("tools.stages.autoencoder.MEASURED", 8)
    monkeypatch.setattr("tools.stages._reconstruction.EXAMPLES", 4)
    autoencoder, run = tmp_path / "autoencoder", tmp_path / "run"
    assert trained(autoencoder, *AUTOENCODER, modality=modality, steps=2) == 0
    assert trained(run, f"latents={autoencoder}", "network.patch=1", modality=modality, steps=2) == 0
    media = build.modality(recipes.read(run / "recipe.yaml"))
    assert isinstance(media, LatentMedia)
    assert len(media.event_shape) == len(media.media.event_shape)
    assert sampled(run, "n=2", f"out={tmp_path / 'out'}") == 0
    assert len(list((tmp_path / "out").glob("0*"))) == 2
    if modality == "audio":  # the scale of the sounds is the autoencoder's
        scales = [recipes.read(folder / "recipe.yaml").media["scale"] for folder in (autoencoder, run)]
        assert scales[0] == scales[1] != 1.0


def test_trained_on_a_cache_as_on_the_media_themselves(tmp_path, own, data):
    """The same latents, in the same order: losses agree to the rounding of batches of another size."""
    assert encoded(tmp_path / "cache", f"latents={own}", f"data.path={data}") == 0
    fly, cached = tmp_path / "fly", tmp_path / "cached"
    assert trained(fly, f"latents={own}", f"data.path={data}", steps=3) == 0
    assert trained(cached, f"latents={own}", f"data.path={tmp_path / 'cache'}", steps=3) == 0
    assert losses(cached) == pytest.approx(losses(fly), rel=1e-5)
    assert recipes.read(cached / "recipe.yaml").data.classes == recipes.read(fly / "recipe.yaml").data.classes


def encoded(out: Path, *words: str) -> int:
    common = ["modality=image", "media.size=16", "data.workers=0", "device=cpu", *NETWORK]
    return encode.main([*common, f"out={out}", *words])


def test_mistakes_are_one_line(tmp_path, capsys, run, vae, own):
    empty = tmp_path / "empty"
    empty.mkdir()
    new = tmp_path / "new"
    for words, expected in {
        (f"latents={tmp_path / 'nowhere'}",): "there is no such folder",
        (f"latents={empty}",): "neither a run of stage=autoencoder nor an autoencoder of diffusers",
        (f"latents={run}",): "stage=diffusion",
        (f"latents={vae}", "media.channels=1"): "encodes 3 channels, the media have 1",
        (f"latents={own}", "media.channels=1"): "media.channels=3, this recipe says 1",
        (f"latents={vae}", "stage=autoencoder"): "latents= is for stage=diffusion",
        (f"latents={own}", "media.size=18"): "does not divide",
    }.items():
        assert trained(new, *words) == 2, words
        assert expected in one_line(capsys)
        assert not new.exists()
    assert trained(new, f"latents={vae}", modality="audio") == 2
    assert "modality=image" in one_line(capsys)
    assert trained(new, f"latents={vae}", "data.stills=0.5", modality="video") == 2
    assert "encodes no pictures" in one_line(capsys)


def test_a_run_is_not_continued_on_other_latents(capsys, run, own, vae, data):
    before = weights(run)
    for words in ([], [f"latents={own}"]):
        assert trained(run, f"data.path={data}", *words, steps=9) == 2
        assert f"was trained with latents={vae}" in one_line(capsys)
    assert all(torch.equal(weights(run)[name], value) for name, value in before.items())


def test_a_run_whose_copy_was_changed_is_not_sampled(run, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    path = moved / "autoencoder" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert sample.main([f"run={moved}", "n=1", f"out={tmp_path / 'out'}"]) == 2
    assert "latents of another autoencoder" in one_line(capsys)


def test_a_cache_needs_the_autoencoder_that_made_it(tmp_path, capsys, vae, own, data):
    assert encoded(tmp_path / "cache", f"latents={own}", f"data.path={data}") == 0
    capsys.readouterr()
    there = f"data.path={tmp_path / 'cache'}"
    assert trained(tmp_path / "run", there) == 2
    assert "is a cache of latents: say latents=" in one_line(capsys)
    assert trained(tmp_path / "run", there, f"latents={vae}") == 2
    assert "holds latents of another autoencoder" in one_line(capsys)
    assert trained(tmp_path / "run", there, f"latents={own}", "media.flip=true") == 2
    assert "no mirrored latents" in one_line(capsys)
    assert not (tmp_path / "run").exists()
