"""Sampling from the command line: files, manifest, and that a sample depends on its seed alone."""

import itertools
import json
from pathlib import Path

import av
import numpy
import pytest
import soundfile
import yaml
from PIL import Image

from tests.tools.small import sampled, trained
from tools import recipe as recipes


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run whose network has moved away from its silent start."""
    folder = tmp_path_factory.mktemp("runs") / "image"
    assert trained(folder, steps=6) == 0
    return folder


def pixels(folder: Path) -> dict[str, numpy.ndarray]:
    return {p.name: numpy.asarray(Image.open(p)).astype(int) for p in sorted(folder.glob("0*.png"))}


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_one_file_per_sample_a_sheet_and_a_manifest(run, tmp_path):
    out = tmp_path / "out"
    assert sampled(run, "n=7", "seed=5", "sampler=ddim", "sampler.steps=3", "guidance.scale=2", f"out={out}") == 0
    names = [f"{i:06d}.png" for i in range(7)]
    assert sorted(p.name for p in out.iterdir()) == [*names, "manifest.jsonl", "sheet.png"]
    entries = manifest(out)
    assert [e["file"] for e in entries] == names
    assert [e["seed"] for e in entries] == list(range(5, 12))
    assert [e["label"] for e in entries] == [(5 + i) % 5 for i in range(7)]
    first = entries[0]
    assert (first["sampler"], first["steps"], first["guidance"]) == ("ddim", 3, 2.0)
    assert (first["checkpoint"], first["modality"]) == ("step-00000006", "image")


@pytest.mark.parametrize("sampler", ["heun", "ddpm", "ddim", "euler", "dpmpp_2m"])
def test_a_sample_depends_on_its_own_seed_alone(run, tmp_path, sampler):
    """Whatever the batch, and alone: the same picture, but for the last bit of rounding."""
    words = [f"sampler={sampler}", "sampler.steps=4"]
    sampled(run, "n=5", "batch=5", f"out={tmp_path / 'a'}", *words)
    sampled(run, "n=5", "batch=2", f"out={tmp_path / 'b'}", *words)
    sampled(run, "n=1", "seed=3", f"out={tmp_path / 'c'}", *words)
    a, b, c = (pixels(tmp_path / name) for name in "abc")
    for name in a:
        assert numpy.abs(a[name] - b[name]).max() <= 1
    assert numpy.abs(a["000003.png"] - c["000000.png"]).max() <= 1
    assert numpy.abs(a["000000.png"] - a["000003.png"]).max() > 10


def test_temperature_reaches_the_noise_and_the_score(run, tmp_path):
    """Off, it changes no bit; the manifest says what made a sample."""
    words = ["n=2", "sampler=ddpm", "sampler.steps=4"]
    for name, more in {
        "plain": [],
        "one": ["sampler.noise_scale=1", "sampler.score_scale=1.0"],
        "noise": ["sampler.noise_scale=0.3"],
        "score": ["sampler.score_scale=4"],
    }.items():
        assert sampled(run, *words, *more, f"out={tmp_path / name}") == 0
    plain, one, noise, score = (pixels(tmp_path / name)["000000.png"] for name in ("plain", "one", "noise", "score"))
    assert (plain == one).all()
    assert numpy.abs(plain - noise).max() > 10
    assert numpy.abs(plain - score).max() > 10
    assert [manifest(tmp_path / name)[0]["noise_scale"] for name in ("plain", "noise")] == [1.0, 0.3]
    assert manifest(tmp_path / "score")[0]["score_scale"] == 4.0


def test_a_model_is_sampled_on_the_path_of_another_schedule(run, tmp_path):
    """DDIM takes the same steps on every path, Euler does not; the manifest names the path."""
    for sampler in ("ddim", "euler"):
        for path in ("null", "edm", "linear"):
            words = [
                f"sampler={sampler}",
                "sampler.steps=4",
                f"sampler.path={path}",
                f"out={tmp_path / sampler / path}",
            ]
            assert sampled(run, "n=2", *words) == 0
    own, edm, linear = (pixels(tmp_path / "ddim" / path)["000000.png"] for path in ("null", "edm", "linear"))
    assert numpy.abs(own - edm).max() <= 1
    assert numpy.abs(own - linear).max() <= 1
    own, edm = (pixels(tmp_path / "euler" / path)["000000.png"] for path in ("null", "edm"))
    assert numpy.abs(own - edm).max() > 10
    assert [manifest(tmp_path / "ddim" / path)[0]["path"] for path in ("null", "edm")] == [None, "edm"]


def test_an_unknown_path_is_one_line(run, tmp_path, capsys):
    assert sampled(run, "sampler.path=cosin", f"out={tmp_path / 'out'}") == 2
    assert "unknown schedule 'cosin' (did you mean 'cosine'?)" in capsys.readouterr().err


def test_label_and_guidance_reach_the_network(run, tmp_path):
    for name, words in {
        "zero": ["label=0"],
        "four": ["label=4"],
        "named": ["label=ring"],
        "none": ["guidance.scale=0"],
        "none2": ["guidance.scale=0", "label=4"],
    }.items():
        assert sampled(run, "n=2", f"out={tmp_path / name}", "sampler.steps=3", *words) == 0
    zero, four, none = (pixels(tmp_path / name) for name in ("zero", "four", "none"))
    assert any((zero[k] != four[k]).any() for k in zero)
    assert all((none[k] == pixels(tmp_path / "none2")[k]).all() for k in none)
    label = manifest(tmp_path / "named")[0]
    assert label["class"] == "ring"
    assert all(e["label"] == label["label"] for e in manifest(tmp_path / "named"))


def test_a_second_sampling_replaces_the_first_and_nothing_else(run, tmp_path):
    out = tmp_path / "out"
    sampled(run, "n=4", f"out={out}", "sampler.steps=2")
    (out / "notes.txt").write_text("mine")
    sampled(run, "n=2", f"out={out}", "sampler.steps=2")
    assert sorted(p.name for p in out.iterdir()) == [
        "000000.png",
        "000001.png",
        "manifest.jsonl",
        "notes.txt",
        "sheet.png",
    ]


def test_sounds_are_playable_at_the_rate_of_the_data(tmp_path):
    trained(tmp_path / "run", modality="audio")
    sampled(tmp_path / "run", "n=2", f"out={tmp_path / 'out'}")
    wave, rate = soundfile.read(tmp_path / "out" / "000001.wav", dtype="int16")
    assert rate == 8000
    assert wave.shape == (1024,)


def test_clips_have_their_frames(tmp_path):
    trained(tmp_path / "run", modality="video")
    sampled(tmp_path / "run", "n=2", f"out={tmp_path / 'out'}")
    with av.open(str(tmp_path / "out" / "000001.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    assert numpy.stack(frames).shape == (4, 16, 16, 3)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["label=5"], "label=5 is out of range: 0 to 4"),
        (["label=-1"], "out of range"),
        (["label=hexagon"], "circle"),
        (["sampler=huen"], "heun"),
        (["sampler.stesp=3"], "sampler.steps"),
        (["n=0"], "at least 1"),
        (["train.batch=3"], "fixed by training"),
        (["guidance.scale=-1"], "guidance.scale"),
        (["guidance=agp"], "did you mean apg?"),
        (["guidance=interval"], "unknown guidance 'interval'"),
        (["guidance=apg", "guidance.zero_init=0.1"], "apg has no such option, cfg_zero has"),
        (["guidance=apg", "guidance.momentum=2"], "momentum must lie between -1 and 1, got 2.0"),
        (["guidance=cfg_plus_plus", "guidance.scale=2"], "scale must lie in [0, 1], got 2.0"),
        (["guidance=autoguidance"], "needs a weaker model: guidance.weaker=runs/OTHER"),
        (["guidance=autoguidance", "guidance.weaker=runs/nowhere"], "there is no checkpoint"),
        (["guidance.weaker=runs/other"], "of no use to guidance=classifier_free, only to autoguidance"),
        (["guidance.interval=[1]"], "guidance.interval must be two levels, [low, high], got [1.0]"),
        (["guidance.interval=[2,1]"], "needs 0 <= low < high"),
        (["guidance.rescale=2"], "guidance.rescale must be at most 1"),
        (["guidance.threshold=99"], "guidance.threshold must be at most 1"),
        (["guidance.negative=9"], "guidance.negative=9 is out of range: 0 to 4"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, tmp_path, capsys, words, expected):
    assert sampled(run, f"out={tmp_path / 'out'}", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]
    assert not (tmp_path / "out").exists()


def test_no_run_and_an_occupied_folder_are_mistakes(run, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert sampled(tmp_path / "nowhere") == 2
    assert sampled(tmp_path / "mine") == 2
    assert sampled(run, f"out={tmp_path / 'mine'}") == 2
    errors = capsys.readouterr().err
    assert "there is no such folder" in errors
    assert "no checkpoint" in errors
    assert "holds other files" in errors
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_checkpoint_of_another_recipe_is_refused(run, tmp_path, capsys):
    """Weights and recipe of a checkpoint belong together."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    recipe = copy / "checkpoints" / "step-00000006" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("width: 8", "width: 16"))
    assert sampled(copy, f"out={tmp_path / 'out'}") == 2
    assert "does not fit its recipe" in capsys.readouterr().err


GUIDED = {
    "plain": ["guidance.scale=3"],
    "apg": ["guidance=apg", "guidance.scale=3", "guidance.momentum=-0.5", "guidance.norm_threshold=5"],
    "zero": ["guidance=cfg_zero", "guidance.scale=3", "guidance.zero_init=0.1"],
    "plus": ["guidance=cfg_plus_plus", "guidance.scale=0.5"],
    "rescale": ["guidance.scale=3", "guidance.rescale=0.7"],
    "interval": ["guidance.scale=3", "guidance.interval=[0.1,2]"],
    "threshold": ["guidance.scale=3", "guidance.threshold=0.9"],
    "negative": ["guidance.scale=3", "guidance.negative=ring"],
}


def test_every_guidance_can_be_named(run, tmp_path):
    """Nine settings, nine different pictures, each with its method in the manifest."""
    common = ["n=2", "label=0", "sampler=ddim", "sampler.steps=4"]
    weak = ["guidance=autoguidance", "guidance.scale=3", f"guidance.weaker={run}", "guidance.rescale=0.3"]
    for name, words in {**GUIDED, "weaker": weak}.items():
        assert sampled(run, *common, *words, f"out={tmp_path / name}") == 0
    pictures = {name: pixels(tmp_path / name)["000000.png"] for name in [*GUIDED, "weaker"]}
    for a, b in itertools.combinations(pictures, 2):
        assert (pictures[a] != pictures[b]).any(), (a, b)
    assert manifest(tmp_path / "apg")[0]["guidance_options"] == {"name": "apg", "momentum": -0.5, "norm_threshold": 5.0}
    assert manifest(tmp_path / "interval")[0]["guidance_options"] == {"interval": [0.1, 2.0]}
    assert manifest(tmp_path / "plain")[0]["guidance_options"] == {}


def test_guidances_that_change_nothing_change_nothing(run, tmp_path):
    """APG with eta 1, an interval of all levels and a threshold out of reach are classifier-free guidance; the model is
    not weaker than itself; and a setting has a folder of its own."""
    common = ["n=2", "label=0", "sampler=ddim", "sampler.steps=4"]
    for name, words in {
        "want": ["guidance.scale=2"],
        "apg": ["guidance=apg", "guidance.scale=2", "guidance.eta=1"],
        "interval": ["guidance.scale=2", "guidance.interval=[0,1000]"],
        "off": ["guidance.scale=1"],
        "self": ["guidance=autoguidance", "guidance.scale=2", f"guidance.weaker={run}"],
        "zero": ["guidance=cfg_zero", "guidance.scale=1", "guidance.zero_init=0"],
    }.items():
        assert sampled(run, *common, *words, f"out={tmp_path / name}") == 0
    shown = {name: pixels(tmp_path / name) for name in ("want", "apg", "interval", "off", "self", "zero")}
    for name, want in {"apg": "want", "interval": "want", "self": "off", "zero": "off"}.items():
        assert all(numpy.abs(shown[name][k] - shown[want][k]).max() <= 1 for k in shown[want]), name
    assert any((shown["want"][k] != shown["off"][k]).any() for k in shown["off"])
    assert sampled(run, *common, "guidance=apg", "guidance.scale=2", "guidance.eta=0.5") == 0
    assert (run / "samples" / "step-00000006-ddim-4-guidance2-apg-eta0.5-label0-seed0").is_dir()


def test_a_weaker_model_of_other_media_is_refused(run, tmp_path, capsys):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(run / "checkpoints" / "step-00000006", other)
    recipe = other / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("size: 16", "size: 32"))
    assert sampled(run, f"out={tmp_path / 'out'}", "guidance=autoguidance", f"guidance.weaker={other}") == 2
    assert f"guidance.weaker={other}: its media is" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_from_before_guidance_had_methods_is_read(run, tmp_path):
    """Its recipe holds a scale and nothing else of guidance."""
    new = recipes.read(run / "recipe.yaml")
    text = yaml.safe_load((run / "recipe.yaml").read_text())
    text["guidance"] = {"scale": text["guidance"]["scale"]}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(text))
    assert recipes.read(tmp_path / "recipe.yaml") == new
    assert new.guidance.name == "classifier_free"
