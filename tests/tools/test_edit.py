"""Editing from the command line: files, manifest, conversions that are said, and mistakes in one line."""

import json
from pathlib import Path

import numpy
import pytest
import soundfile
from PIL import Image

from modalities.image.modality import ImageModality
from tests.tools.small import trained
from tools import edit
from tools.editing.command import options_of, tasks
from tools.editing.regions import hidden


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run whose network has moved away from its silent start."""
    folder = tmp_path_factory.mktemp("runs") / "image"
    assert trained(folder, "media.channels=1", steps=6) == 0
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "audio"
    assert trained(folder, "media.loudness=rms", modality="audio", steps=3) == 0
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Pictures and sounds of the models' size and of others, and masks."""
    folder, g = tmp_path_factory.mktemp("files"), numpy.random.default_rng(0)
    Image.fromarray(g.integers(0, 255, (16, 16), dtype=numpy.uint8)).save(folder / "a.png")
    Image.fromarray(g.integers(0, 255, (20, 40, 3), dtype=numpy.uint8)).save(folder / "wide.png")
    mask = numpy.zeros((16, 16), numpy.uint8)
    mask[4:12, 8:] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask[:8]).save(folder / "small_mask.png")
    Image.fromarray(0 * mask).save(folder / "empty_mask.png")
    wave = 0.3 * numpy.sin(numpy.arange(2000) / 5) * numpy.linspace(1, 0.1, 2000)
    soundfile.write(folder / "tone.wav", wave, 8000, subtype="PCM_16")
    soundfile.write(folder / "low.wav", wave[:900], 4000, subtype="PCM_16")
    (folder / "text.txt").write_text("no picture")
    return folder


def edited(run: Path, task: str, file: Path, out: Path, *words: str) -> int:
    return edit.main([f"run={run}", f"task={task}", f"input={file}", f"out={out}", "device=cpu", *words])


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def pixels(path: Path) -> numpy.ndarray:
    return numpy.asarray(Image.open(path)).astype(int)


def test_inpainting_leaves_the_rest_of_the_file_as_it_was(run, files, tmp_path, capsys):
    out = tmp_path / "out"
    words = [f"mask={files / 'mask.png'}", "n=3", "seed=5", "sampler.steps=4", "label=ring", "guidance.scale=2"]
    assert edited(run, "inpaint", files / "a.png", out, *words) == 0
    names = ["000000.png", "000001.png", "000002.png"]
    assert sorted(p.name for p in out.iterdir()) == [*names, "input.png", "manifest.jsonl", "strip.png"]
    given, hidden = pixels(files / "a.png"), pixels(files / "mask.png") > 127
    results = [pixels(out / name) for name in names]
    assert all((r[~hidden] == given[~hidden]).all() for r in results)
    assert (results[0][hidden] != results[1][hidden]).any()
    lines = manifest(out)
    assert [(e["file"], e["seed"]) for e in lines] == list(zip(names, (5, 6, 7), strict=True))
    first = lines[0]
    assert (first["task"], first["solver"], first["label"], first["steps"]) == ("inpaint", "pigdm", "ring", 4)
    assert first["options"] == {"mask": str(files / "mask.png")}
    assert "wrote 3 results and strip.png" in capsys.readouterr().out


def test_the_label_and_the_solver_reach_what_is_drawn(run, files, tmp_path):
    said = {
        "none": [],
        "ring": ["label=ring", "guidance.scale=3"],
        "ddnm": ["solver=ddnm"],
        "repaint": ["solver=repaint", "solver.repeats=2"],
        "cold": ["sampler.noise_scale=0.5"],
    }
    for name, words in said.items():
        assert edited(run, "inpaint", files / "a.png", tmp_path / name, "region=4:12,:", "sampler.steps=3", *words) == 0
    results = {name: pixels(tmp_path / name / "000000.png") for name in said}
    assert [name for name in said if (results["none"] == results[name]).all()] == ["none"]
    assert manifest(tmp_path / "repaint")[0]["solver_options"] == {"repeats": 2}


def test_an_original_is_degraded_and_compared(run, files, tmp_path, capsys):
    out = tmp_path / "out"
    assert edited(run, "denoise", files / "a.png", out, "degrade=true", "noise=0.1", "sampler.steps=4") == 0
    assert (out / "degraded.png").exists()
    assert (pixels(out / "input.png") == pixels(files / "a.png")).all()
    line = manifest(out)[0]
    noise = numpy.square((pixels(out / "degraded.png") - pixels(files / "a.png")) / 255).mean()
    assert abs(line["psnr_degraded"] + 10 * numpy.log10(noise)) < 1.5  # but for what the file has clipped
    assert f"psnr {line['psnr_degraded']} dB degraded, {line['psnr']} dB restored" in capsys.readouterr().out


def test_what_had_to_be_converted_is_said(run, sounds, files, tmp_path, capsys):
    assert edited(run, "vary", files / "wide.png", tmp_path / "a", "strength=0.2", "sampler.steps=4") == 0
    assert "wide.png: 40x20 pixels; cropped and resized to 16x16" in capsys.readouterr().out
    assert edited(sounds, "vary", files / "low.wav", tmp_path / "b", "strength=0.2", "sampler.steps=4") == 0
    said = capsys.readouterr().out
    assert "low.wav: 0.225 s of 1 channel(s) at 4000 Hz; resampled to 8000 Hz, cut to 0.128 s" in said
    assert edited(run, "vary", files / "a.png", tmp_path / "c", "strength=0.2", "sampler.steps=4") == 0
    assert "a.png:" not in capsys.readouterr().out


def test_a_sound_keeps_its_samples_and_its_loudness(sounds, files, tmp_path):
    """The model hears every sound at one loudness; the files have that of the input, and outside its very samples."""
    out = tmp_path / "out"
    assert edited(sounds, "inpaint", files / "tone.wav", out, "region=0.03:0.06", "sampler.steps=4", "start=0.05") == 0
    given = soundfile.read(files / "tone.wav", dtype="int16")[0][400 : 400 + 1024]
    result = soundfile.read(out / "000000.wav", dtype="int16")[0]
    assert (result[:240] == given[:240]).all()
    assert (result[480:] == given[480:]).all()
    assert (result[240:480] != given[240:480]).any()


def test_a_continued_sound_is_longer_and_begins_with_the_file(sounds, files, tmp_path):
    out = tmp_path / "out"
    assert edited(sounds, "continue", files / "tone.wav", out, "more=0.1", "sampler.steps=3") == 0
    result, given = (soundfile.read(p, dtype="int16")[0] for p in (out / "000000.wav", files / "tone.wav"))
    assert len(result) == 2800
    assert (result[:2000] == given).all()


def test_a_second_edit_replaces_the_first_and_another_folder_is_left_alone(run, files, tmp_path, capsys):
    out, words = tmp_path / "out", ["strength=0.1", "sampler.steps=3"]
    assert edited(run, "vary", files / "a.png", out, "n=3", *words) == 0
    assert edited(run, "vary", files / "a.png", out, "n=1", *words) == 0
    assert sorted(p.name for p in out.iterdir()) == ["000000.png", "input.png", "manifest.jsonl", "strip.png"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert edited(run, "vary", files / "a.png", tmp_path / "mine", *words) == 2
    assert "holds other files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "say what to fill in: mask=FILE.png or region=8:20,4:28"),
        ({"mask": "small_mask.png"}, "has 16x8 pixels, the model's images have 16x16"),
        ({"mask": "empty_mask.png"}, "means nothing of the signal"),
        ({"mask": "none.png"}, "there is no file or folder"),
        ({"mask": "text.txt"}, "is not an image that Pillow knows"),
        ({"region": "8:20"}, "must be rows,columns of an image, like 8:20,4:28"),
        ({"region": "8:4,0:9"}, "rows must lie in 0 to 16 and rise, got '8:4'"),
        ({"region": "1:2.5,0:9"}, "rows are whole numbers, got '1:2.5'"),
        ({"region": "a:b,0:9"}, "rows must be from:to, got 'a:b'"),
        ({"region": ":,:"}, "means all of the signal"),
    ],
)
def test_a_region_that_means_no_part_is_one_line(files, said, expected):
    where = {"mask": None, "region": None} | said
    if where["mask"]:
        where["mask"] = str(files / where["mask"])
    with pytest.raises(ValueError) as caught:
        hidden(ImageModality(size=16, channels=1), (1, 16, 16), **where)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("task", "file", "words", "expected"),
    [
        ("inpant", "a.png", [], "unknown task 'inpant': did you mean inpaint?"),
        ("inpaint", "a.png", ["mask={}/small_mask.png"], "has 16x8 pixels, the model's images have 16x16"),
        ("inpaint", "a.png", ["strength=0.5"], "unknown key strength: task=inpaint has no such option, vary has"),
        ("inpaint", "a.png", ["regoin=0:8,0:8"], "unknown key regoin: did you mean region?"),
        ("inpaint", "a.png", ["solver=pigmd"], "unknown solver 'pigmd': did you mean pigdm?"),
        ("inpaint", "a.png", ["solver=dps", "solver.zeta=1"], "unknown key solver.zeta of dps"),
        ("inpaint", "a.png", ["train.batch=3"], "train.batch is fixed by training"),
        ("inpaint", "a.png", ["prompt=cat"], "this model was trained without text"),
        ("inpaint", "none.png", [], "there is no file or folder"),
        ("inpaint", "tone.wav", [], "not an image"),
        ("inpaint", "", [], "is a folder: give one file"),
        ("super_resolve", "a.png", ["factor=3"], "factor=3 must divide the model's size 16: 2, 4, 8"),
        ("super_resolve", "a.png", ["factor=big"], "factor must be an integer, got 'big'"),
        ("colourise", "a.png", [], "needs a model of 3 channels, this one has 1"),
        ("declip", "a.png", [], "task=declip is for audio, this is a model of image"),
        ("blend", "a.png", [], "option 'input2' of task blend is missing"),
        ("outpaint", "a.png", [], "say how many pixels to add"),
        ("vary", "a.png", ["start=1"], "start=1 is of no use for an image"),
        ("vary", "a.png", ["solver=dps"], "solver=dps does not vary an input"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, files, tmp_path, capsys, task, file, words, expected):
    words = [w.format(files) for w in words]
    assert edited(run, task, files / file, tmp_path / "out", "sampler.steps=2", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("task", "words", "expected"),
    [
        ("inpaint", ["region=2:3"], "seconds must lie in 0 to 0.128 and rise"),
        ("bandwidth_extend", [], "cutoff=4000 Hz must lie between 0 and 4000 Hz"),
        ("declip", ["limit=0.01"], "it was not clipped there"),
        ("continue", ["context=0.5"], "leaves nothing to add: the model makes 0.128 at once"),
        ("vary", ["start=1"], "leaves too little of"),
    ],
)
def test_a_mistake_with_a_sound_is_one_line(sounds, files, tmp_path, capsys, task, words, expected):
    words = [w.format(files) for w in words]
    assert edited(sounds, task, files / "tone.wav", tmp_path / "out", "sampler.steps=2", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]


def test_no_task_no_file_and_no_run_are_mistakes(run, files, capsys):
    for words, expected in (
        ([f"run={run}"], "say what to do: task=NAME, one of bandwidth_extend, blend"),
        ([f"run={run}", "task=vary"], "say which file to edit: input=FILE"),
        (["task=vary", f"input={files / 'a.png'}"], "run=runs/NAME"),
    ):
        assert edit.main(words) == 2
        assert expected in capsys.readouterr().err


def test_help_names_every_task_with_its_options(capsys):
    assert edit.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"    {task} " in said for task in tasks())
    assert all(f"[{option}=]" in said for task in tasks() for option in options_of(task))
