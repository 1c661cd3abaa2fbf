"""`loss=consistency` as a training: what it predicts, when its gap closes, and that it goes on exactly."""

import dataclasses
import os
import signal

import pytest
import torch

from core.losses import consistency
from tests.tools.small import arguments, sampled, trained, weights
from tools import prediction
from tools import recipe as recipes

WORDS = ["loss=consistency", "loss.stages=2"]


def test_it_predicts_what_returns_x_without_noise():
    """Anchored in place of x0, with the loss that x0 has; x0 only by a mistake, which is said before anything runs."""
    wide = recipes.load(["modality=image", "loss=consistency", "network.patch=8", "network.width=64"])
    plain = dataclasses.replace(wide, loss=recipes.load(["modality=image"]).loss)
    jumping, usual = (prediction.chosen(recipe, (3, 64, 64)) for recipe in (wide, plain))
    assert [r.denoiser.prediction for r in (jumping, usual)] == [{"name": "anchored"}, {"name": "x0"}]
    assert (jumping.loss.weighting, jumping.loss.density) == (usual.loss.weighting, usual.loss.density)
    assert prediction.chosen(recipes.load(["recipe=consistency_mnist"]), (1, 28, 28)).denoiser.prediction["name"] == "v"
    said = recipes.load(["modality=image", "loss=consistency", "denoiser.prediction=x0", "network.patch=1"])
    with pytest.raises(ValueError, match=r"^loss=consistency needs a model that returns x itself"):
        prediction.chosen(said, (3, 64, 64))


def test_its_samples_are_drawn_by_jumps_unless_something_else_is_said():
    """On the command line over any recipe, in a recipe, and under whatever is said of the sampler."""

    def drawn(*words):
        recipe = recipes.load(list(words))
        return recipe.sampler.name, recipe.sampler.steps, recipe.sampler.grid["name"], recipe.guidance.scale

    jumps = ("consistency", 2, "uniform", 1.0)
    assert drawn("recipe=mnist", "loss=consistency") == drawn("recipe=consistency_mnist") == jumps
    assert drawn("modality=audio", "loss=consistency", "sampler.steps=4") == ("consistency", 4, "uniform", 1.0)
    assert drawn("modality=image", "loss=consistency", "sampler=ddim", "guidance.scale=3")[::3] == ("ddim", 3.0)
    assert drawn("recipe=mnist", "loss=hybrid")[::3] == ("ddpm", 2.0)
    assert drawn("recipe=consistency_mnist", "loss=denoising") == drawn("modality=image")
    assert drawn("recipe=consistency_mnist", "loss=hybrid")[1:] == drawn("modality=image")[1:]


def test_a_mistaken_prediction_ends_with_one_line(tmp_path, capsys):
    assert trained(tmp_path / "run", *WORDS, "denoiser.prediction=x0") == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error: loss=consistency needs a model")


def test_the_gap_closes_as_the_budget_is_used_and_a_training_goes_on_exactly(tmp_path, monkeypatch):
    """Stage 0 for half of the eight steps, then the two others; broken off after five, it ends with the same."""
    stages, loss = [], consistency.consistency_loss

    def noted(*args, stage):
        stages.append(stage)
        if len(stages) == 8 + 5:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(*args, stage=stage)

    monkeypatch.setattr(consistency, "consistency_loss", noted)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    trained(straight, *WORDS, steps=8)
    assert stages == [0, 0, 0, 0, 1, 1, 2, 2]
    assert trained(broken, *WORDS, steps=8) == 130
    assert trained(broken, *WORDS, steps=8) == 0
    assert stages[8:] == stages[:8]
    a, b = weights(straight), weights(broken)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert sampled(straight, "n=1", "sampler.steps=1", f"out={tmp_path / 'samples'}") == 0
    assert (tmp_path / "samples" / "000000.png").is_file()


def test_arguments_are_checked_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match=r"stages >= 1 and wait in \[0, 1\], got 0"):
        recipes.load(arguments(tmp_path, "loss=consistency", "loss.stages=0"))
