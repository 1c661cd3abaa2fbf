"""Who will wait in vain is told so early, and nobody else."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.tools.small import trained
from tools import recipe as recipes
from tools import sitting
from tools.checkpoint import Counters


def at(pace: float, *words: str) -> str | None:
    """What is said after ten steps of so many seconds."""
    recipe = recipes.load(["modality=image", *words])
    training: Any = SimpleNamespace(recipe=recipe, counters=Counters(10, 0), seconds=lambda: 10 * pace)
    return sitting.few(training)


def test_a_clock_that_leaves_time_for_few_steps_is_named():
    said = at(20.0, "train.minutes=60")
    assert said is not None
    assert said.startswith("at 20 s a step 60 minutes hold 180 steps, which are few")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        (7.0, ["train.minutes=60"]),
        (20.0, ["train.steps=100"]),
        (20.0, ["train.minutes=2"]),
        (20.0, ["train.minutes=60", "compile=true"]),
    ],
)
def test_nothing_is_said_where_there_is_time_a_count_or_a_trial(pace, words):
    assert at(pace, *words) is None


def test_it_is_said_once_during_a_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sitting, "LOOKED", 2)
    monkeypatch.setattr(sitting, "few", lambda training: "few steps")
    assert trained(tmp_path / "run", steps=5) == 0
    assert capsys.readouterr().out.count("few steps") == 1
