"""What is predicted where a recipe leaves it open: by how much a position holds, with the loss that belongs to it."""

import dataclasses

import pytest
import torch

from core.discover import names
from tests.tools.small import arguments, trained
from tools import build, prediction, train
from tools import recipe as recipes


def filled(*words, event_shape=(3, 64, 64), patch=4):
    recipe = recipes.load(["modality=image", *words])
    recipe = dataclasses.replace(recipe, network=recipe.network | {"patch": patch})
    return prediction.chosen(recipe, event_shape)


@pytest.mark.parametrize(
    ("event_shape", "network", "numbers"),
    [
        ((3, 64, 64), {"patch": 4}, 48),
        ((1, 8192), {"patch": 16}, 16),
        ((1, 16, 32, 32), {"patch": 4, "temporal_patch": 2}, 32),
        ((8, 128), {"patch": 1}, 8),
    ],
)
def test_numbers_of_a_position(event_shape, network, numbers):
    assert prediction.folded(event_shape, network) == numbers


@pytest.mark.parametrize(("patch", "width", "predicts"), [(4, 64, "x0"), (2, 64, "v"), (2, 48, "x0"), (1, 16, "v")])
def test_x0_where_a_position_holds_a_quarter_of_the_channels(patch, width, predicts):
    found = filled(f"network.width={width}", patch=patch)
    assert found.denoiser.prediction == {"name": predicts}
    assert found.loss.weighting == {"name": "clamped_snr" if predicts == "x0" else "v"}
    assert found.loss.density["name"] == ("log_normal" if predicts == "x0" else "uniform")


def test_what_is_said_stays():
    found = filled("denoiser.prediction=flow", "loss.density=logit_normal")
    assert (found.denoiser.prediction, found.loss.weighting) == ({"name": "flow"}, {"name": "flow"})
    assert found.loss.density == {"name": "logit_normal"}


@pytest.mark.parametrize("name", names("core.predictions"))
def test_every_prediction_has_a_loss_that_trains(name):
    found = filled(f"denoiser.prediction={name}")
    found = dataclasses.replace(found, denoiser=dataclasses.replace(found.denoiser, sigma_data=0.5))
    objective = build.objective(found)
    log_snr = torch.linspace(-8, 8, 9)
    assert torch.isfinite(objective.weighting(log_snr)).all()
    assert (objective.weighting(log_snr) > 0).all()
    times = objective.density(torch.rand(64), build.schedule(found))
    assert torch.isfinite(times).all()
    assert times.std() > 0


def test_it_is_written_into_the_run_and_stays(tmp_path, capsys):
    run, words = tmp_path / "run", ["denoiser.prediction=null", "loss.weighting=null", "loss.density=null"]
    assert recipes.load(arguments(run, *words)).denoiser.prediction is None
    assert trained(run, *words, steps=1) == 0
    stored = recipes.read(run / "recipe.yaml")
    assert stored == prediction.chosen(stored, (3, 16, 16))
    assert stored.denoiser.prediction == {"name": "x0"}  # 12 numbers in a position, of 8 channels
    assert stored.loss.weighting == {"name": "clamped_snr"}
    assert stored.loss.density == prediction.DENSITY["x0"]
    assert train.main(arguments(run, *words, steps=2)) == 0
    capsys.readouterr()
    assert train.main(arguments(run, "denoiser.prediction=flow", steps=3)) == 2
    assert "was trained with denoiser.prediction.name=" in capsys.readouterr().err


def test_options_need_a_name():
    with pytest.raises(ValueError, match=r"^loss\.density needs a name: loss\.density=NAME, one of "):
        recipes.load(["modality=image", "loss.density.mean=1"])
