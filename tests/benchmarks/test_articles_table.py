"""The articles' table: what each of the four trains, and that they share and divide their time fairly."""

import json

import pytest

from benchmarks import _parts, articles_table
from tools import recipe as recipes


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """The words of every training of one run of the benchmark, without training or scoring."""
    said = {}

    def trained(run, words):
        said[run.name] = list(words)
        return {"parameters": 1, "examples": 1}

    monkeypatch.setattr(_parts, "trained", trained)
    monkeypatch.setattr(_parts, "goal_of", lambda *some, **more: None)
    monkeypatch.setattr(articles_table.checkpoint, "folders", lambda run: [run])
    values = {"values": {"frechet": 1.0, "precision": 0.5, "recall": 0.25}, "seconds": 1.0, "n": 10, "real": 20}
    scores = values | {"floors": values["values"], "network": "a 00"}
    monkeypatch.setattr(_parts, "scores", lambda goal, parts: scores)
    monkeypatch.setattr(_parts, "samples", lambda folder, words: iter(()))
    assert articles_table.main(["data=somewhere", "minutes=9", f"out={tmp_path}"]) == 0
    return said, tmp_path


def minutes(words):
    return float(next(word.partition("=")[2] for word in words if word.startswith("train.minutes=")))


def test_four_rows_from_three_models_of_equal_time(trainings):
    said, out = trainings
    assert set(said) == {"pixels-0", "autoencoder-0", "latent-0", "flow-0"}
    assert minutes(said["pixels-0"]) == minutes(said["flow-0"]) == 9
    assert minutes(said["autoencoder-0"]) + minutes(said["latent-0"]) == pytest.approx(9)
    assert f"latents={out / 'autoencoder-0'}" in said["latent-0"]
    assert len(json.loads((out / "articles.json").read_text())["rows"]) == 4


def test_every_training_is_a_recipe_that_exists(trainings):
    said, _ = trainings
    pixels, flow = (recipes.load(said[f"{name}-0"]) for name in ("pixels", "flow"))
    assert (pixels.denoiser.prediction["name"], pixels.denoiser.schedule["name"]) == ("eps", "linear")
    assert (flow.denoiser.prediction["name"], flow.denoiser.schedule["name"]) == ("flow", "rectified")
    assert pixels.network == flow.network
    assert not pixels.data.class_conditional
    assert recipes.load(said["autoencoder-0"]).stage == "autoencoder"


def test_the_table_sets_the_articles_figures_beside_ours(trainings, capsys, tmp_path):
    values = {"values": {"frechet": 3.5, "precision": 0.5, "recall": 0.25}, "seconds": 1.0, "n": 10, "real": 20}
    row = values | {"floors": values["values"], "network": "a 00", "training": {"parameters": 2e6, "examples": 64}}
    table = articles_table.rows(250)
    text = articles_table.printed(table, {line.title: [row] for line in table})
    assert [line.fid for line in table] == [7.68, 9.14, 6.91, 6.50]
    for line in table:
        printed = next(words for words in text.splitlines() if words.startswith(line.title))
        assert f"{line.fid:.2f}" in printed
        assert "3.50" in printed
    assert "no FID" in text
