"""`start=runs/NAME`: another run's recipe and averaged weights, a training of its own."""

import json

import pytest
import torch

from tests.tools.small import arguments, trained, weights
from tools import recipe as recipes
from tools import train

STAND = ["optimizer.lr=1e-12", "train.steps=1"]
"""A step that goes nowhere: the weights after it are those of the start."""


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of three steps whose average and raw weights differ."""
    run = tmp_path_factory.mktemp("runs") / "first"
    assert trained(run, "ema.half_life=50", "denoiser.sigma_data=0.4") == 0
    return run


def log(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_it_starts_from_the_averaged_weights_with_counters_of_its_own(first, tmp_path):
    run = tmp_path / "new"
    assert train.main([f"start={first}", f"run={run}", *STAND]) == 0
    old, new = weights(first, "ema"), weights(run)
    assert all(torch.allclose(old[key], new[key], atol=1e-8) for key in old)
    assert any(not torch.equal(old[key], tensor) for key, tensor in weights(first).items())
    assert [entry["step"] for entry in log(run)] == [1]
    assert all(torch.allclose(old[key], tensor, atol=1e-8) for key, tensor in weights(run, "ema").items())


def test_its_recipe_is_the_other_one_under_what_is_said(first, tmp_path):
    run = tmp_path / "new"
    train.main([f"start={first}", f"run={run}", "loss=consistency", "train.batch=2", *STAND])
    ours, theirs = (recipes.read(folder / "recipe.yaml") for folder in (run, first))
    assert (ours.network, ours.media, ours.denoiser) == (theirs.network, theirs.media, theirs.denoiser)
    assert (ours.loss.name, ours.sampler.name, ours.train.batch) == ("consistency", "consistency", 2)
    assert ours.start == str(first)


def test_one_that_predicts_x0_learns_to_jump_as_one_that_is_anchored(tmp_path):
    """Weights that predicted something else again are refused."""
    one = tmp_path / "one"
    trained(one, "denoiser.prediction=x0", steps=1)
    jumping = recipes.load([f"start={one}", f"run={tmp_path / 'two'}", "loss=consistency"])
    assert jumping.denoiser.prediction == {"name": "anchored"}
    assert train.main([f"start={one}", f"run={tmp_path / 'two'}", "loss=consistency", *STAND]) == 0
    assert train.main([f"start={one}", f"run={tmp_path / 'three'}", "denoiser.prediction=v", *STAND]) == 2


def test_broken_off_it_goes_on_exactly_where_it_was(first, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train.main([f"start={first}", f"run={straight}", "train.steps=4"])
    train.main([f"start={first}", f"run={broken}", "train.steps=2"])
    train.main([f"run={broken}", "train.steps=4"])
    a, b = weights(straight), weights(broken)
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_an_autoencoder_starts_from_another(tmp_path):
    words = ["stage=autoencoder", "autoencoder.network.width=8", "autoencoder.network.multipliers=[1,2]"]
    train.main(arguments(tmp_path / "one", *words, steps=2))
    assert train.main([f"start={tmp_path / 'one'}", f"run={tmp_path / 'two'}", *STAND]) == 0
    old, new = weights(tmp_path / "one", "ema"), weights(tmp_path / "two")
    assert all(torch.allclose(old[key], new[key], atol=1e-8) for key in old)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["modality=image"], "start={first} brings its own recipe: say single keys over it, not modality="),
        (["network.width=16"], "start={first}: its network is"),
        (["media.channels=1"], "start={first}: its media.channels is 3, that of this training 1"),
        (["data.class_conditional=false"], "start={first}: its data.classes is"),
        (["loss=hybrid"], "start={first}: its variance is fixed, that of this training learned"),
        (["denoiser.prediction=eps"], "start={first}: its denoiser.prediction is v, that of this training eps"),
        (["start=nowhere"], "start=nowhere: there is no run"),
    ],
)
def test_what_cannot_be_is_said_before_there_is_a_folder(first, tmp_path, capsys, words, line):
    run = tmp_path / "new"
    start = [] if any(word.startswith("start=") for word in words) else [f"start={first}"]
    assert train.main([*start, f"run={run}", *words, "train.steps=1"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: " + line.format(first=first))
    assert not run.exists()


def test_the_same_folder_is_the_same_however_it_is_written(first, tmp_path, monkeypatch):
    run = tmp_path / "new"
    assert train.main([f"start={first}", f"run={run}", *STAND]) == 0
    monkeypatch.chdir(first.parent)
    assert train.main([f"start={first.name}/", f"run={run}", *STAND]) == 0


def test_how_a_network_is_trained_may_differ(first, tmp_path):
    words = ["network.dropout=0.1", "network.checkpoint=true"]
    assert train.main([f"start={first}", f"run={tmp_path / 'new'}", *words, *STAND]) == 0


def test_a_recipe_file_has_no_start(first, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"modality: image\nstart: {first}\n")
    with pytest.raises(ValueError, match="start= is said on the command line, and brings a recipe itself"):
        recipes.load([f"recipe={path}"])


def test_it_needs_a_folder_of_its_own(first, capsys):
    assert train.main([f"start={first}", "train.steps=1"]) == 2
    assert capsys.readouterr().err == f"error: start={first} needs run=, the folder of the new run\n"
