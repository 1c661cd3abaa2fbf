"""stage=autoencoder from the command line: what it leaves behind, that it continues exactly, and drawing from a VAE."""

import json
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from modalities.data.example import Source
from modalities.latents.metrics.psnr import psnr
from tests.tools.small import FAST, MEDIA, sampled, weights
from tools import build, checkpoint, train
from tools import recipe as recipes
from tools.stages import _reconstruction
from tools.stages.autoencoder import load_autoencoder, measured

NETWORK = [f"autoencoder.network.{word}" for word in ("width=8", "multipliers=[1,2]", "patch=2")]
ADVERSARY = [f"autoencoder.adversarial.{word}" for word in ("weight=1", "start=0", "discriminator.width=4")]
PRIOR = ["autoencoder.bottleneck.weight=0.1", "autoencoder.label=true"]
MODALITIES = ["image", "audio", "video"]


@pytest.fixture(autouse=True)
def small_reports(monkeypatch):
    """A report from few examples; what it is made from does not depend on how many."""
    monkeypatch.setattr(_reconstruction, "EXAMPLES", 6)
    monkeypatch.setattr("tools.stages.autoencoder.MEASURED", 8)


def trained(run: Path, *more: str, modality: str = "image", steps: int = 3) -> int:
    media = [word for word in MEDIA[modality] if word.startswith("media.")]
    words = [f"modality={modality}", "stage=autoencoder", *media, *NETWORK, *FAST, "train.batch=4", "data.workers=0"]
    words += [f"train.steps={steps}", f"run={run}", "log.every=1", "device=cpu", "sample.n=2", "sample.batch=4"]
    return train.main([*words, *more])


def log(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def one_line(capsys) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def same(a: Path, b: Path) -> bool:
    pairs = [(weights(a, name), weights(b, name)) for name in ("model", "ema")]
    return all(x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x) for x, y in pairs)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """A tiny autoencoder of each modality."""
    folder = tmp_path_factory.mktemp("autoencoders")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_reconstruction, "EXAMPLES", 6)
        patch.setattr("tools.stages.autoencoder.MEASURED", 8)
        for modality in MODALITIES:
            assert trained(folder / modality, modality=modality) == 0
    return {modality: folder / modality for modality in MODALITIES}


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_run_holds_its_latents_statistics_and_how_good_it_is(runs, modality):
    run = runs[modality]
    assert all(numpy.isfinite(entry[k]) for entry in log(run) for k in ("loss", "reconstruction", "perceptual", "kl"))
    recipe, network, found = load_autoencoder(run)
    media = build.modality(recipe)
    assert tuple(found.latent_shape) == network.latent_shape(media.event_shape)
    assert found.examples == 8
    source = media.source(None, "train")
    examples = list(_reconstruction.some(recipe, media, source, 8, torch.device("cpu")))
    z = torch.cat([network.encode(x0) for _, x0, _ in examples]).double()
    axes = (0, *range(2, z.ndim))
    assert z.mean(axes).tolist() == pytest.approx(found.shift, abs=1e-4)
    assert (1 / z.std(axes, correction=0)).tolist() == pytest.approx(found.scale, rel=1e-3)
    report = json.loads((run / "reconstruction.json").read_text())
    assert (report["split"], report["examples"], report["step"]) == ("test", 6, 3)
    assert set(report["means"]) == ({"snr", "stft_distance"} if modality == "audio" else {"psnr", "ssim"})
    step = next((run / "samples").iterdir())
    assert {p.suffix for p in step.glob("reconstructions.*")} == ({".mp4", ".png"} if modality == "video" else {".png"})


def test_the_report_is_made_of_stored_units_of_held_out_data(runs):
    recipe, network, _ = load_autoencoder(runs["image"])
    media = build.modality(recipe)
    parts = list(_reconstruction.some(recipe, media, media.source(None, "test"), 6, torch.device("cpu")))
    assert [len(stored) for stored, _, _ in parts] == [4, 2]  # the last batch is cut, not left out
    stored, x0 = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    expected = psnr(media.decode(network.decode(network.encode(x0))), stored, peak=255).mean()
    means = json.loads((runs["image"] / "reconstruction.json").read_text())["means"]
    assert means["psnr"] == pytest.approx(float(expected), rel=1e-5)


def test_a_clip_is_reported_frame_by_frame(runs):
    report = json.loads((runs["video"] / "reconstruction.json").read_text())
    assert len(report["frames"]["psnr"]) == 4
    assert numpy.mean(report["frames"]["psnr"]) == pytest.approx(report["means"]["psnr"], rel=1e-5)


def test_data_without_another_split_are_reported_on_themselves(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    g = numpy.random.default_rng(0)
    for i in range(5):
        Image.fromarray(g.integers(0, 255, (16, 16, 3), dtype=numpy.uint8)).save(data / f"{i}.png")
    assert trained(tmp_path / "run", f"data.path={data}", steps=1) == 0
    assert json.loads((tmp_path / "run" / "reconstruction.json").read_text())["split"] == "train"


@pytest.mark.parametrize("words", [ADVERSARY, ["autoencoder.bottleneck=vq"], ["autoencoder.bottleneck=fsq"]])
def test_interrupted_and_continued_is_bit_identical(tmp_path, words):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    words = [*words, "optimizer.decay=constant"]
    trained(straight, *words, steps=4)
    trained(broken, *words, steps=2)
    trained(broken, *words, steps=4)
    assert same(straight, broken)
    keep = [k for k in log(straight)[-1] if k not in ("seconds", "examples_per_second")]
    assert [[e[k] for k in keep] for e in log(straight)] == [[e[k] for k in keep] for e in log(broken)]
    discriminators = [checkpoint.training_state(checkpoint.latest(run))[1]["adversary"] for run in (straight, broken)]
    if words[0] in ADVERSARY:
        panels = [d["panel"] for d in discriminators]
        assert all(torch.equal(panels[0][k], panels[1][k]) for k in panels[0])


def test_the_adversary_waits_for_its_share_of_the_training(tmp_path):
    trained(tmp_path / "run", *ADVERSARY[:1], "autoencoder.adversarial.start=0.5", *ADVERSARY[2:], steps=4)
    took_part = ["discriminator" in entry for entry in log(tmp_path / "run")]
    assert took_part == [False, False, True, True]
    assert log(tmp_path / "run")[-1]["adaptive_weight"] > 0


def test_passes_of_a_part_of_the_batch_give_the_same_training(tmp_path):
    trained(tmp_path / "whole")
    trained(tmp_path / "parts", "train.accumulate=2")
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert max(float((a[k] - b[k]).abs().max()) for k in a) < 2e-5


def test_a_vae_is_drawn_from_by_class_and_seed(tmp_path):
    run = tmp_path / "vae"
    assert trained(run, *PRIOR, "autoencoder.network.factors=8") == 0  # 16 pixels, patch 2: one position
    assert len(list((run / "samples" / "step-00000003").glob("0*.png"))) == 2
    together, alone, other = (tmp_path / name for name in ("together", "alone", "other"))
    assert sampled(run, "n=3", "label=1", "seed=5", f"out={together}") == 0
    assert sampled(run, "n=1", "label=1", "seed=7", f"out={alone}") == 0
    assert sampled(run, "n=1", "label=2", "seed=7", f"out={other}") == 0
    third = numpy.array(Image.open(together / "000002.png"))
    assert abs(third.astype(int) - numpy.array(Image.open(alone / "000000.png"))).max() <= 1
    assert (third != numpy.array(Image.open(other / "000000.png"))).any()


def test_what_cannot_be_drawn_from_says_so(runs, tmp_path, capsys):
    capsys.readouterr()
    assert sampled(runs["image"], f"out={tmp_path / 'out'}") == 2
    assert "no prior to draw from" in one_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["media.size=18"], "shrinks 18 x 18 by 4 x 4, which does not divide it"),
        (["autoencoder.network.factors=[2,2]"], "has 2 entries, but there are 1 levels"),
        (["autoencoder.network.depth=2"], "unknown key autoencoder.network.depth"),
        (["autoencoder.perceptual=stft"], "is for waveforms"),
        (["autoencoder.bottleneck=rvq"], "unknown bottleneck 'rvq'"),
        (["autoencoder.bottleneck=fsq", "autoencoder.bottleneck.levels=[1]"], "numbers from 2 on"),
        (["autoencoder.adversarial.weight=1", "autoencoder.adversarial.discriminator.widht=8"], "widht"),
        (["posthoc.every=5"], "posthoc.every is for stage=diffusion"),
        (["stage=autoencodre"], "did you mean autoencoder?"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line_before_anything_is_written(tmp_path, capsys, words, says):
    assert trained(tmp_path / "run", *words) == 2
    assert says in one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_no_autoencoder_or_not_at_its_end(runs, tmp_path):
    with pytest.raises(ValueError, match="holds no run of stage=autoencoder"):
        load_autoencoder(tmp_path)
    trained(tmp_path / "run", steps=1)
    (tmp_path / "run" / "latents.json").unlink()
    with pytest.raises(ValueError, match="not been trained to its end"):
        load_autoencoder(tmp_path / "run")
    text = (tmp_path / "run" / "recipe.yaml").read_text()
    (tmp_path / "run" / "recipe.yaml").write_text(text.replace("stage: autoencoder", "stage: diffusion"))
    with pytest.raises(ValueError, match="is a run of stage=diffusion"):
        load_autoencoder(tmp_path / "run")


def test_statistics_look_at_as_many_examples_as_there_are(runs):
    recipe, network, _ = load_autoencoder(runs["image"])
    media = build.modality(recipe)

    class Three:
        classes = ()

        def __init__(self, source: Source) -> None:
            self.source = source

        def __len__(self) -> int:
            return 3

        def read(self, index, generator):
            return self.source.read(index, generator)

    found = measured(recipe, media, network, Three(media.source(None, "train")), torch.device("cpu"))
    assert found.examples == 3
    assert recipes.read(runs["image"] / "recipe.yaml") == recipe
