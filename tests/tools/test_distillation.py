"""`loss=distillation`: the run that a training starts from is its teacher."""

import re

import pytest
import torch

from core.losses._jumps import stage_at
from core.losses.distillation import distillation_loss
from core.schedule import diffuse
from core.training.distributed import World
from tests.tools.small import sampled, trained, weights
from tools import build, edit, start, train
from tools import recipe as recipes
from tools.restored import restored
from tools.stages.diffusion import Diffusion


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A run that can teach."""
    run = tmp_path_factory.mktemp("runs") / "teacher"
    assert trained(run, "denoiser.sigma_data=0.4", "guidance.scale=2.5") == 0
    return run


def test_it_needs_a_teacher(tmp_path, capsys):
    assert trained(tmp_path / "run", "loss=distillation") == 2
    line = "error: loss=distillation needs a teacher: start=runs/NAME, the run that it starts from"
    assert capsys.readouterr().err.splitlines()[-1] == line
    assert not (tmp_path / "run").exists()


def test_the_teacher_is_guided_as_it_draws_unless_something_else_is_said(taught, tmp_path):
    words = [f"start={taught}", f"run={tmp_path / 'run'}", "loss=distillation"]
    recipe = recipes.load(words)
    assert recipe.loss.options == {"scale": 2.5}
    assert (recipe.sampler.name, recipe.guidance.scale) == ("consistency", 1.0)
    assert recipes.load([*words, "loss.scale=1", "loss.stages=3"]).loss.options == {"scale": 1.0, "stages": 3}


@pytest.mark.parametrize(
    ("words", "key"),
    [(["guidance.rescale=0.3"], "rescale=0.3"), (["guidance=apg", "guidance.eta=0.5"], "name=apg")],
)
def test_a_guidance_that_a_scale_does_not_describe_is_not_silently_left_out(tmp_path, words, key):
    trained(tmp_path / "one", *words, steps=1)
    start_from = [f"start={tmp_path / 'one'}", f"run={tmp_path / 'two'}", "loss=distillation"]
    with pytest.raises(ValueError, match=re.escape(f"draws with guidance.{key}, which cannot be distilled: say loss.")):
        recipes.load(start_from)
    assert recipes.load([*start_from, "loss.scale=3"]).loss.options == {"scale": 3.0}


@pytest.mark.parametrize("loss", ["distillation", "mean_flow"])
def test_the_levels_at_which_guidance_is_on_are_taken_over(tmp_path, loss):
    trained(tmp_path / "one", "guidance.scale=3", "guidance.interval=[0.2,5]", steps=1)
    words = [f"start={tmp_path / 'one'}", f"run={tmp_path / 'two'}", f"loss={loss}"]
    recipe = recipes.load(words)
    assert {name: recipe.loss.options[name] for name in ("scale", "interval")} == {"scale": 3.0, "interval": [0.2, 5.0]}
    assert recipe.guidance.scale == 1
    assert train.main([*words, "train.steps=1"]) == 0


def test_one_that_jumps_cannot_teach_but_trains_on_without_forgetting_it(taught, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    train.main([f"start={taught}", f"run={first}", "loss=distillation", "train.steps=1"])
    assert train.main([f"start={first}", f"run={second}", "train.steps=1"]) == 2
    assert "jumps already, and a teacher has to know the way: say loss=consistency" in capsys.readouterr().err
    assert not second.exists()
    assert recipes.load([f"start={first}", f"run={second}", "loss=consistency"]).loss.options["wait"] == 0
    assert edit.main([f"run={first}", "task=vary", "input=photo.png"]) == 2
    assert "jumps: editing needs a model that answers with means" in capsys.readouterr().err
    back = recipes.load([f"start={first}", f"run={second}", "loss=denoising"])
    assert (back.sampler.name, back.guidance.scale) == (recipes.load(["modality=image"]).sampler.name, 2.0)


def test_what_the_recipe_says_reaches_the_loss(taught, tmp_path):
    """The objective of a training, with its averaged teacher, is the loss written out by hand."""
    words = [f"start={taught}", f"run={tmp_path / 'run'}", "loss=distillation", "loss.scale=3", "loss.stages=5"]
    train.main([*words, "train.steps=1"])
    recipe = recipes.read(tmp_path / "run" / "recipe.yaml")
    training = Diffusion(recipe, build.modality(recipe), World(0, 1, torch.device("cpu")))
    folder = start.weights(recipe)
    model = restored(recipes.read(folder / "recipe.yaml"), training.media, folder, torch.device("cpu"))
    x0, eps = torch.randn(2, 3, *training.media.event_shape, generator=torch.Generator().manual_seed(0))
    t, cond = torch.tensor([0.2, 0.5, 0.9]), {"label": torch.tensor([0, -1, 2])}
    asked = training.objective.at(lambda: 0.5)(training.denoiser, x0, t, eps, cond)
    stage = stage_at(0.5, 5, 0.25)
    by_hand = distillation_loss(
        training.denoiser, x0, t, eps, training.objective.weighting, cond, teacher=model, stage=stage, scale=3.0
    )
    assert stage == 2
    assert torch.equal(asked, by_hand)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_teacher_is_the_other_runs_average_on_this_trainings_schedule(taught, tmp_path, schedule):
    """At equal log-SNR the same answer, whichever schedule the student is on."""
    recipe = recipes.load(
        [f"start={taught}", f"run={tmp_path / 'run'}", "loss=distillation", f"denoiser.schedule={schedule}"]
    )
    media, own = build.modality(recipe), build.schedule(recipe)
    folder = start.weights(recipe)
    start.keep(recipe)
    teacher = start.teacher(recipe, media, own, torch.device("cpu"))
    model = restored(recipes.read(folder / "recipe.yaml"), media, folder, torch.device("cpu"))
    x0, eps = torch.randn(2, 3, *media.event_shape, generator=torch.Generator().manual_seed(0))
    level = torch.tensor([3.0, 0.0, -3.0])
    cond = {"label": torch.tensor([0, -1, 2])}
    there, here = model.schedule.time(level), own.time(level)
    want = model(diffuse(model.schedule, x0, there, eps), there, cond)
    assert torch.allclose(teacher(diffuse(own, x0, here, eps), here, cond), want, atol=2e-4)


def test_it_is_trained_broken_off_and_drawn_from(taught, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    words = [f"start={taught}", "loss=distillation", "loss.stages=2"]
    train.main([*words, f"run={straight}", "train.steps=4"])
    train.main([*words, f"run={broken}", "train.steps=4", "checkpoint.every=2", "checkpoint.keep=3"])
    for folder in (broken / "checkpoints").glob("step-*4"):
        folder.rename(folder.with_name("gone"))
    taught.rename(taught.with_name("elsewhere"))  # the run has its teacher
    assert train.main([f"run={broken}", "train.steps=4"]) == 0
    a, b = weights(straight), weights(broken)
    assert all(torch.equal(a[key], b[key]) for key in a)
    elsewhere = taught.with_name("elsewhere").rename(taught)
    assert any(not torch.equal(a[key], tensor) for key, tensor in weights(elsewhere, "ema").items())
    assert sampled(straight, "n=1", f"out={tmp_path / 'samples'}") == 0
