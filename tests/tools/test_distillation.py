"""`loss=distillation`: the run that a training starts from is its teacher."""

import pytest
import torch

from core.schedule import diffuse
from tests.tools.small import sampled, trained, weights
from tools import build, start, train
from tools import recipe as recipes
from tools.restored import restored


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


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_teacher_is_the_other_runs_average_on_this_trainings_schedule(taught, tmp_path, schedule):
    """At equal log-SNR the same answer, whichever schedule the student is on."""
    recipe = recipes.load(
        [f"start={taught}", f"run={tmp_path / 'run'}", "loss=distillation", f"denoiser.schedule={schedule}"]
    )
    media, own = build.modality(recipe), build.schedule(recipe)
    teacher = start.teacher(recipe, media, own, torch.device("cpu"))
    folder = start.weights(recipe)
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
    assert train.main([f"run={broken}", "train.steps=4"]) == 0
    a, b = weights(straight), weights(broken)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert any(not torch.equal(a[key], tensor) for key, tensor in weights(taught, "ema").items())
    assert sampled(straight, "n=1", f"out={tmp_path / 'samples'}") == 0
