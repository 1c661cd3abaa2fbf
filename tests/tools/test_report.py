"""The page about some runs: what differs, what was measured, and nothing that may not be compared."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.small import small_evaluations, trained
from tools import evaluate, report
from tools import recipe as recipes
from tools.reporting import reports, runs, settings, trade_offs
from tools.reporting.page import page


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with small_evaluations(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs that differ in their rate; the first was measured while it trained."""
    place = tmp_path_factory.mktemp("runs")
    measured = ["evaluate.every=2", "evaluate.n=6", "evaluate.real=40", "evaluate.metrics=[kernel,precision]"]
    assert trained(place / "slow", "sampler=heun", *measured, steps=4) == 0
    assert trained(place / "fast", "sampler=heun", "optimizer.lr=3", steps=4) == 0
    return [place / "slow", place / "fast"]


SWEEP = ["sweep=steps,guidance", "samplers=heun,ddim", "steps=1,2", "scales=0,1,2", "n=8", "real=40"]
METRICS = "metrics=kernel,precision,recall"


@pytest.fixture(scope="module")
def text(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("page") / "report.html"
    assert report.main([*map(str, folders), *SWEEP, METRICS, "samples=2", f"out={out}", "device=cpu"]) == 0
    return out.read_text()


def section(text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">(.*?)</section>', text, re.DOTALL)
    assert found, name
    return found[1]


def test_the_page_needs_no_other_file(text: str) -> None:
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sum(address.startswith("data:image/png;base64,") for address in addresses) == 2
    names = [address for address in addresses if not address.startswith("data:")]
    assert len(names) == 7
    assert all(name.startswith("#") and f'<section id="{name[1:]}">' in text for name in names)
    assert not re.search(r"https?://", text)


def test_what_differs_is_set_apart_from_what_is_shared(text: str, folders: list[Path]) -> None:
    rows, alike = section(text, "settings").split("<details>")
    assert "<td>optimizer.lr</td><td>1</td><td>3</td>" in rows
    assert "optimizer.lr" not in alike
    assert "train.batch=4" in alike
    assert "train.batch" not in rows
    differing = dict(settings.differing(runs.read([str(folder) for folder in folders])))
    assert differing["optimizer.lr"] == ["1", "3"]


def test_each_setting_that_was_asked_for_is_measured_once(text: str, folders: list[Path]) -> None:
    for folder in folders:
        found = [json.loads(path.read_text())["asked"] for path in folder.glob("evaluations/*/evaluation.json")]
        assert {(f["sampler"], f["steps"]) for f in found} == {("heun", 1), ("heun", 2), ("ddim", 1), ("ddim", 2)}
        assert {f["guidance"] for f in found if f["sampler"] == "heun"} >= {0, 1, 2}


def test_what_is_there_is_not_done_again(text: str, folders: list[Path], tmp_path: Path, capsys) -> None:
    times = {p: p.stat().st_mtime_ns for folder in folders for p in folder.rglob("*.json*")}
    words = [*map(str, folders), *SWEEP, METRICS, "samples=2", f"out={tmp_path / 'again.html'}", "device=cpu"]
    assert report.main(words) == 0
    assert {p: p.stat().st_mtime_ns for folder in folders for p in folder.rglob("*.json*")} == times
    assert "measuring" not in capsys.readouterr().out
    assert (tmp_path / "again.html").read_text() == text


def test_the_numbers_are_those_of_the_evaluations(text: str, folders: list[Path]) -> None:
    for run in runs.read([str(folder) for folder in folders]):
        as_trained = reports.as_trained(run, run.evaluations())
        assert as_trained is not None
        value = as_trained["metrics"]["kernel"]["value"]
        assert f"<td>{value:.4g} <small>" in section(text, "evaluation")


def test_heun_is_charged_both_of_its_calls(text: str) -> None:
    assert trade_offs.calls("heun") == 2
    assert trade_offs.calls("ddim") == 1
    assert section(text, "quality-against-steps").count("network calls in a sample") == 2  # a chart of each run


def test_curves_and_samples_of_both_are_shown(text: str) -> None:
    assert section(text, "samples").count("data:image/png") == 2
    assert "slow" in section(text, "quality-while-training")
    assert section(text, "guidance").count("<circle") == 4 * 3  # two runs, two charts, three scales


def test_reports_of_other_counts_are_not_set_beside(folders: list[Path], text: str, tmp_path: Path, capsys) -> None:
    """A seventh count of samples, of one run: it is left out, and the page says so."""
    words = [f"run={folders[0]}", "n=7", "real=40", METRICS, "sampler.steps=1", "device=cpu"]
    assert evaluate.main(words) == 0
    out = tmp_path / "other.html"
    assert report.main([*map(str, folders), "samples=0", f"out={out}"]) == 0
    found = reports.comparable(runs.read([str(folder) for folder in folders]))
    assert found.left == 1
    assert {r["samples"]["count"] for each in found.of.values() for r in each} == {8}
    assert "Left out: 1 evaluation over other features or counts" in out.read_text()


def test_reports_of_older_checkpoints_are_left_alone(folders: list[Path], text: str) -> None:
    run = runs.read([str(folders[1])])[0]
    path = next(folders[1].glob("evaluations/*/evaluation.json"))
    stored = path.read_text()
    before = len(reports.comparable([run]).of[run.name])
    path.write_text(json.dumps(json.loads(stored) | {"evaluated": "runs/fast/checkpoints/step-00000001"}))
    assert len(reports.comparable([run]).of[run.name]) == before - 1
    path.write_text(stored)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say which runs"),
        (["NOWHERE"], "holds no run"),
        (["RUN", "RUN"], "named twice"),
        (["RUN", "out=page.txt"], "NAME.html"),
        (["RUN", "sweep=stepps"], "did you mean steps"),
        (["RUN", "sweep=steps", "samplers=huen"], "did you mean heun"),
        (["RUN", "sweep=steps", "steps=0,5"], "whole numbers of at least 1"),
        (["RUN", "sweep=guidance", "scales=a"], "scales=a must be numbers"),
        (["RUN", "n=20"], "say which to make"),
        (["RUN", "samples=-1"], "at least 0"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    words: list[str], said: str, folders: list[Path], tmp_path: Path, capsys
) -> None:
    place = {"RUN": str(folders[0]), "NOWHERE": str(tmp_path / "nowhere")}
    out = [] if any(word.startswith("out=") for word in words) else [f"out={tmp_path / 'r.html'}"]
    assert report.main([place.get(word, word) for word in words] + out) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "r.html").exists()


def test_a_gan_has_no_sampler_and_is_reported_all_the_same(tmp_path: Path) -> None:
    recipe = recipes.load(["recipe=gan", f"data.path={tmp_path}", f"run={tmp_path / 'gan'}"])
    folder = tmp_path / "gan" / "checkpoints" / "step-00000001"
    folder.mkdir(parents=True)
    recipes.save(recipe, tmp_path / "gan" / "recipe.yaml")
    entry = {"title": "Fréchet distance", "value": 3.25, "low": None, "high": None, "floor": 1.0, "better": "lower"}
    found = {"metrics": {"frechet": entry}, "features": {"name": "f", "identity": "0"}, "samples": {"count": 5}}
    found |= {"real": {"count": 9}, "evaluated": str(folder), "asked": {"n": 5, "real": 9}}
    place = tmp_path / "gan" / "evaluations" / "one"
    place.mkdir(parents=True)
    (place / "evaluation.json").write_text(json.dumps(found))
    run = runs.read([str(tmp_path / "gan")])[0]
    run.__dict__["checkpoint"] = folder  # a whole one would hold weights
    text = page([run], {})
    assert "<td>3.25</td>" in section(text, "evaluation")
    assert 'id="guidance"' not in text
    assert 'id="training"' not in text


def test_runs_are_called_by_what_tells_them_apart() -> None:
    paths = [Path("/a/x/run"), Path("/a/y/run"), Path("/b/x/other")]
    assert runs.short(paths) == ["x/run", "y/run", "x/other"]
    assert runs.short(paths[:1]) == ["run"]
