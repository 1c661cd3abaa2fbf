"""`loss=mean_flow` as a training: how it is drawn, what it starts from and leads to, and that it goes on exactly."""

import pytest
import torch

from core.onward import Onward
from core.training.seeds import generator_of
from tests.tools.small import sampled, trained, weights
from tools import abilities, build, checkpoint, edit, sampling, train
from tools import recipe as recipes
from tools.restored import restored


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """An ordinary run, guided."""
    run = tmp_path_factory.mktemp("runs") / "usual"
    assert trained(run, "denoiser.sigma_data=0.4", "guidance.scale=2.5") == 0
    return run


@pytest.fixture(scope="module")
def jumping(usual):
    """One that goes on from it, for three steps."""
    run = usual.parent / "jumping"
    assert train.main([f"start={usual}", f"run={run}", "loss=mean_flow", *BRISK, "train.steps=6"]) == 0
    return run


BRISK = ["optimizer.lr=1e-2", "optimizer.eps=1e-8"]
"""Steps of Adam's own size: what begins at zero behind what begins at zero moves within a few."""


def model_of(run):
    folder = checkpoint.latest(run)
    recipe = recipes.read(folder / "recipe.yaml")
    media = build.modality(recipe)
    return recipe, media, restored(recipe, media, folder, torch.device("cpu"))


def test_it_brings_its_sampling_and_its_error_unless_something_else_is_said():
    def drawn(*words):
        recipe = recipes.load(list(words))
        plan = recipe.sampler
        return plan.name, plan.steps, plan.grid["name"], recipe.guidance.scale, recipe.loss.error["name"]

    steps = ("ddim", 2, "uniform", 1.0, "cauchy")
    assert drawn("recipe=mnist", "loss=mean_flow") == drawn("recipe=mean_flow_mnist") == steps
    other = drawn("modality=video", "loss=mean_flow", "sampler.steps=4", "loss.error=huber")
    assert (other[1], other[4]) == (4, "huber")
    assert drawn("recipe=mean_flow_mnist", "loss=denoising") == drawn("modality=image")
    assert drawn("recipe=mean_flow_mnist", "loss=consistency") == drawn("modality=image", "loss=consistency")


@pytest.mark.parametrize("modality", ["image", "audio", "video"])
def test_it_trains_and_draws_in_every_modality(tmp_path, modality):
    """Attention and temporal layers under forward-mode differentiation, conditions guided into the path."""
    words = ["loss=mean_flow", "loss.scale=2", *BRISK]
    assert trained(tmp_path / "run", *words, modality=modality, steps=6) == 0
    assert weights(tmp_path / "run")["condition.leap2.weight"].abs().max() > 0
    assert sampled(tmp_path / "run", "n=2", "sampler.steps=1", f"out={tmp_path / 'one'}") == 0


def test_a_run_that_goes_on_with_it_keeps_what_it_knew(usual, jumping):
    """Begins as the averaged model, with its guidance trained in; the length is new."""
    recipe = recipes.read(jumping / "recipe.yaml")
    assert (recipe.loss.options["scale"], recipe.guidance.scale, recipe.sampler.name) == (2.5, 1.0, "ddim")
    run = jumping.parent / "standing"
    words = [f"start={usual}", f"run={run}", "loss=mean_flow", "optimizer.lr=1e-12", "train.steps=1"]
    assert train.main(words) == 0
    old, new = weights(usual, "ema"), weights(run)
    assert {key.rpartition(".")[0] for key in new if key not in old} == {"condition.leap1", "condition.leap2"}
    assert all(torch.allclose(old[key], new[key], atol=1e-8) for key in old)


def test_samples_take_its_steps_by_ddim_alone(jumping):
    """One step onward from noise is its x0_hat for a step to the end; other samplers, and noise, ask for means."""
    recipe, media, denoiser = model_of(jumping)
    one = recipes.overlay(recipe, ["n=1", "sampler.steps=1", "seed=3"])
    ((_, got),) = sampling.draw(one, denoiser, media, sampling.plan(one, media))
    times = build.component("core.grids", recipe.sampler.grid)(denoiser.schedule, 1)
    noise = torch.randn(1, *media.event_shape, generator=generator_of(3))
    label = torch.tensor([3 % len(recipe.data.classes)])
    with torch.inference_mode():
        x = denoiser.schedule.sigma(times[0]).float() * noise
        want = denoiser(x, times[0], {"label": label}, times[1])
        mean = denoiser(x, times[0], {"label": label})
    assert torch.allclose(got, want, atol=1e-5)
    assert not torch.allclose(got, mean, atol=1e-5)
    for words, onward in (
        (["sampler.steps=4"], True),
        (["sampler=heun"], False),
        (["sampler.eta=1"], False),
        (["sampler.path=edm"], False),
    ):
        plan = recipes.overlay(recipe, words).sampler
        assert isinstance(abilities.on_grid(denoiser, plan, times), Onward) == onward


def test_it_edits_as_any_model_does(jumping, tmp_path):
    assert sampled(jumping, "n=1", f"out={tmp_path / 'one'}") == 0
    words = [f"run={jumping}", "task=inpaint", f"input={tmp_path / 'one' / '000000.png'}", "degrade=true"]
    words.append("region=2:9,3:8")
    assert edit.main([*words, "sampler.steps=2", f"out={tmp_path / 'edited'}"]) == 0


def test_it_can_teach_and_lead_back(usual, jumping, tmp_path):
    back, taught = tmp_path / "back", tmp_path / "taught"
    assert train.main([f"start={jumping}", f"run={back}", "loss=denoising", "train.steps=1"]) == 0
    assert set(weights(back)) == set(weights(usual))
    assert recipes.read(back / "recipe.yaml").sampler.name == recipes.load(["modality=image"]).sampler.name
    assert train.main([f"start={jumping}", f"run={taught}", "loss=distillation", "train.steps=1"]) == 0
    assert recipes.read(taught / "recipe.yaml").loss.options["scale"] == 1.0  # its means are guided already


def test_broken_off_it_goes_on_exactly_and_splitting_a_batch_changes_rounding_only(tmp_path):
    straight, broken, split = (tmp_path / name for name in ("straight", "broken", "split"))
    words = ["loss=mean_flow", "loss.share=0.8"]
    trained(straight, *words, steps=4)
    trained(broken, *words, steps=2)
    train.main([f"run={broken}", "train.steps=4"])
    trained(split, *words, "train.accumulate=2", steps=4)
    a, b, c = weights(straight), weights(broken), weights(split)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert all(torch.allclose(a[key], c[key], atol=1e-4) for key in a)


def test_a_checkpoint_that_lacks_more_than_the_length_is_refused(usual, tmp_path, capsys):
    """Only what tells the length may be missing."""
    one = tmp_path / "one"
    trained(one, steps=1)
    words = [f"start={one}", f"run={tmp_path / 'two'}", "loss=mean_flow", "network.width=16", "train.steps=1"]
    assert train.main(words) == 2
    assert "its network is" in capsys.readouterr().err
