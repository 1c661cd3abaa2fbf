"""The `trifuse` command and the tools as scripts."""

import subprocess
import sys
from pathlib import Path

import pytest

import configs
from tools import cli, recipe

ROOT = Path(__file__).resolve().parents[2]


def test_recipes_are_listed_with_their_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(configs.recipes())
    assert all(len(line.split()) > 4 for line in lines)


def test_a_printed_recipe_is_a_start_for_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["recipes", "mnist"]) == 0
    own = tmp_path / "own.yaml"
    own.write_text(capsys.readouterr().out)
    mine, theirs = recipe.load([f"recipe={own}", "run=x"]), recipe.load(["recipe=mnist", "run=x"])
    assert recipe.difference(mine, theirs) == []


def test_every_key_can_be_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    for name, path in {"defaults": configs.DEFAULTS, **configs.modalities()}.items():
        assert cli.main(["recipes", name]) == 0
        assert capsys.readouterr().out == path.read_text()


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["trian"],
            "error: unknown command 'trian': did you mean train? (edit, encode, evaluate, recipes, report, "
            "sample, train)\n",
        ),
        (["recipes", "mnst"], "error: unknown recipe 'mnst': did you mean mnist? ("),
        (["train", "modality=imag"], "error: unknown modality 'imag': did you mean image? (audio, image, video)\n"),
        (["sample"], "error: say which run to sample: run=runs/NAME\n"),
    ],
)
def test_mistakes(argv: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["--help"], ["train", "--help"], ["sample", "-h"], ["recipes", "help"]])
def test_help_shows_the_contract(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 0
    text = capsys.readouterr().out
    command = argv[0] if len(argv) == 2 else "train"
    expected = {"train": "modality=image|audio|video", "sample": "run=runs/NAME", "recipes": "recipes NAME"}
    assert expected[command] in text


def test_the_tools_run_as_scripts_from_anywhere(tmp_path: Path) -> None:
    command = [sys.executable, "-P", str(ROOT / "tools" / "train.py"), "modality=image", "train.step=3"]
    work = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"PATH": "/usr/bin"})
    assert (work.returncode, work.stdout) == (2, "")
    assert work.stderr == "error: unknown key train.step: did you mean train.steps?\n"
