"""Sampling from the command line: files, manifest, and that a sample depends on its seed alone."""

import json
from pathlib import Path

import av
import numpy
import pytest
import soundfile
from PIL import Image

from tests.tools.small import sampled, trained


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
