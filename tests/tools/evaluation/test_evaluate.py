"""The command: its report, what it refuses in one line, and measuring during a training."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.training.distributed import processes
from modalities.modality import load
from tests.tools.small import arguments, small_evaluations, trained, weights
from tools import build, checkpoint, evaluate, train
from tools.evaluation import command, during, networks, probe, table
from tools.evaluation import run as evaluation_run


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with small_evaluations(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of 16 pixels, one of 24."""
    folder = tmp_path_factory.mktemp("samples") / "shapes"
    media = load("image", size=16)
    source = media.source(None, "test")
    for i in range(12):
        media.write(source.read(i, None).media, folder / f"{i:03d}.png")  # type: ignore[arg-type]
    Image.new("RGB", (24, 24)).save(folder / "odd.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of 4 steps, measured after 2 and 4."""
    folder = tmp_path_factory.mktemp("runs") / "image"
    assert trained(folder, *EVERY, steps=4) == 0
    return folder


EVERY = ["evaluate.every=2", "evaluate.n=6", "evaluate.real=40", "evaluate.metrics=[kernel,precision]"]
WANTED = ["data=embedded", "real=40", "metrics=kernel,density"]


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_folder_is_measured_and_said_how(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    assert evaluate.main([f"samples={samples}", *WANTED, f"out={out}"]) == 0
    said = capsys.readouterr().out
    found = json.loads((out / "evaluation.json").read_text())
    assert list(found["metrics"]) == ["kernel", "density"]
    assert found["samples"] == {"count": 13}
    assert found["real"] == {"count": 40}
    assert found["media"]["size"] == 16
    kernel = found["metrics"]["kernel"]
    assert kernel["low"] < kernel["value"] < kernel["high"]
    assert kernel["title"] == "kernel distance"
    assert "1 of 13 samples have another size" in said
    assert f"classifier {found['features']['identity']}" in said or found["features"]["name"] in said
    assert Image.open(out / "features.png").size[0] > 300


def test_reports_of_other_counts_or_networks_are_not_set_beside(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"samples={samples}", *WANTED]
    assert evaluate.main([*words, f"out={tmp_path / 'a'}"]) == 0
    assert evaluate.main([*words, f"out={tmp_path / 'b'}", f"against={tmp_path / 'a'}"]) == 0
    assert "that of against" in capsys.readouterr().out
    assert evaluate.main([*words, "n=8", f"out={tmp_path / 'c'}", f"against={tmp_path / 'a'}"]) == 2
    assert one_line(capsys).endswith("against cannot be compared with: its samples are 13, here 8")
    report = table.read(tmp_path / "a")
    other = report | {"features": report["features"] | {"identity": "00000000"}}
    with pytest.raises(ValueError, match="its features are"):
        table.comparable(report, other, "x")


GIVEN = ["samples=SAMPLES", "data=embedded"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "error: say what to evaluate: run=runs/NAME or samples=FOLDER"),
        (["samples=SAMPLES"], "error: say what to compare with: data=PATH"),
        (["samples=nowhere", "data=embedded"], "error: samples=nowhere: there is no such folder"),
        (
            ["samples=SAMPLES", "data=embedded", "metrics=frechett"],
            "error: unknown metric 'frechett': did you mean",
        ),
        (
            ["samples=SAMPLES", "data=embedded", "metrics=frechet", "real=90"],
            "error: 13 samples are too few for",
        ),
        (["samples=SAMPLES", "data=nowhere"], "error: there is no file or folder nowhere"),
        (["samples=SAMPLES", "data=SAMPLES"], "error: 7 examples are too few to teach"),
        (
            ["samples=SAMPLES", "data=embedded", "features=resnet"],
            "error: features=resnet: choose classifier, inception",
        ),
        ([*GIVEN, "features=SAMPLES/odd.png"], "error: features="),
        (
            ["samples=SAMPLES", "data=embedded", "metrics=likelihood"],
            "error: likelihood is a matter of a",
        ),
        (
            ["samples=SAMPLES", "data=embedded", "real=40", "metrics=kernel,spectrum"],
            "error: spectrum is a matter of audio",
        ),
        (
            ["samples=SAMPLES", "data=embedded", "real=40", "metrics=accuracy"],
            "error: accuracy needs samples with labels",
        ),
        ([*GIVEN, "against=nowhere"], "error: against=nowhere: there is no such file"),
        ([*GIVEN, "modality=audio"], "error: unknown key media.size"),
        (["run=nowhere"], "error: run=nowhere: there is no such folder"),
    ],
)
def test_mistakes(
    words: list[str], line: str, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [] if any(word.startswith(("real", "metrics")) for word in words) else ["metrics=kernel", "real=40"]
    argv = [word.replace("SAMPLES", str(samples)) for word in words] + more + [f"out={tmp_path / 'out'}"] * bool(words)
    assert evaluate.main(argv) == 2
    assert one_line(capsys).startswith(line)


def test_headers_say_what_the_files_are(tmp_path: Path, samples: Path) -> None:
    assert probe.kind_of(samples) == "image"
    sounds, clips = load("audio", samples=900, sample_rate=11025, channels=2), load("video", size=16, frames=5)
    for media, folder in ((sounds, tmp_path / "sounds"), (clips, tmp_path / "clips")):
        media.write(media.decode(torch.zeros(1, *media.event_shape))[0], folder / f"a{media.suffix}")
        assert probe.kind_of(folder) == media.name
    assert probe.media_options(tmp_path / "sounds", "audio")[0] == {"sample_rate": 11025, "samples": 900, "channels": 2}
    assert probe.media_options(tmp_path / "clips", "video")[0] == {"size": 16, "frames": 5}


def test_quality_during_a_training(run: Path) -> None:
    lines = during.lines(run)
    assert [line["step"] for line in lines] == [2, 4]
    assert all(set(line["floors"]) == {"kernel", "precision"} for line in lines)
    assert all(line["took"] > 0 for line in lines)
    stored = checkpoint.training_state(checkpoint.folders(run)[-1])[0]
    assert stored.seconds < sum(line["took"] for line in lines)  # the clock stood still
    assert Image.open(run / "quality.png").size[0] > 300


def test_measuring_changes_nothing_and_continues(run: Path, tmp_path: Path) -> None:
    plain, broken = tmp_path / "plain", tmp_path / "broken"
    assert trained(plain, steps=4) == 0
    assert all((weights(plain)[name] == tensor).all() for name, tensor in weights(run).items())
    assert train.main(arguments(broken, *EVERY, steps=3)) == 0
    assert train.main(arguments(broken, *EVERY, steps=4)) == 0
    ours, theirs = during.lines(broken), during.lines(run)
    assert [line["kernel"] for line in ours] == [line["kernel"] for line in theirs]


def test_the_best_checkpoint_is_a_run(run: Path, tmp_path: Path) -> None:
    best = tmp_path / "run" / "best"
    for folder in checkpoint.folders(run):
        during.keep(folder, best)
    assert [p.name for p in (best / "checkpoints").iterdir()] == [checkpoint.folders(run)[-1].name]
    out = tmp_path / "report"
    metrics = "metrics=reconstruction,memorisation,likelihood,kernel"
    words = ["n=6", "real=40", "held_out=2", "data=embedded", "floor=false", metrics]
    task, said = command.task([f"run={best}", *words, f"out={out}", "device=cpu"]), list[str]()
    with processes(build.device("cpu")) as world:
        report = evaluation_run.evaluate(task, world, said.append)
    assert report is not None
    assert list(report["metrics"]) == ["kernel", "likelihood", "reconstruction", "memorisation"]
    assert report["metrics"]["memorisation"]["value"] > 0.5
    assert all(Image.open(out / f"{name}.png").size[0] > 50 for name in ("samples", "neighbours", "reconstruction"))


def test_one_and_two_processes_measure_the_same(run: Path, tmp_path: Path) -> None:
    """Two processes share the drawing and the looking; what they find together is what one finds alone."""
    media, data = load("image", size=16), tmp_path / "data"
    source = media.source(None, "train")
    for i in range(72):
        example, split = source.read(i, torch.Generator()), "train" if i < 64 else "test"
        media.write(example.media, data / split / source.classes[example.label] / f"{i:03d}.png")
    network = networks.taught(media, source, range(64), name="shapes")
    networks.write(network, tmp_path / "features.safetensors")
    words = [f"run={run}", f"data={data}", "n=7", "real=40", "split=train", "device=cpu"]
    words += [f"features={tmp_path / 'features.safetensors'}", "metrics=kernel,precision,accuracy,memorisation"]
    assert evaluate.main([*words, f"out={tmp_path / 'one'}"]) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = str(Path(evaluate.__file__))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, script, *words, f"out={tmp_path / 'two'}"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    one, two = table.read(tmp_path / "one"), table.read(tmp_path / "two")
    assert two["samples"] == one["samples"] == {"count": 7}
    assert two["metrics"].keys() == one["metrics"].keys() == {"kernel", "precision", "accuracy", "memorisation"}
    for name, entry in one["metrics"].items():
        assert two["metrics"][name]["value"] == pytest.approx(entry["value"], rel=1e-3), name
        if name != "memorisation":  # beside held-out examples already
            assert two["metrics"][name]["floor"] == pytest.approx(entry["floor"], rel=1e-3, abs=1e-3), name
    assert done.stdout.count("features:") == 1
