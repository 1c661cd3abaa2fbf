"""`loss=mean_flow` as a training: how it is drawn, what it starts from and leads to, and that it goes on exactly."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.io import read_image

from core.onward import Onward
from core.training.seeds import generator_of
from tests.tools.small import sampled, trained, weights
from tools import abilities, build, checkpoint, edit, sampling, train
from tools import recipe as recipes
from tools.restored import restored
from tools.training import load_weights


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """An ordinary run, guided."""
    run = tmp_path_factory.mktemp("runs") / "usual"
    assert trained(run, "denoiser.sigma_data=0.4", "guidance.scale=2.5") == 0
    return run


@pytest.fixture(scope="module")
def jumping(usual):
    """One that goes on from it, for six steps."""
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


def test_it_is_drawn_by_one_step_or_a_few_unless_something_else_is_said():
    def drawn(*words):
        recipe = recipes.load(list(words))
        plan = recipe.sampler
        return plan.name, plan.steps, plan.grid["name"], recipe.guidance.scale

    assert drawn("recipe=mnist", "loss=mean_flow") == ("ddim", 2, "uniform", 1.0)
    assert drawn("recipe=mean_flow_mnist") == ("ddim", 4, "uniform", 1.0)
    assert drawn("modality=video", "loss=mean_flow", "sampler.steps=4")[:2] == ("ddim", 4)
    assert drawn("recipe=mean_flow_mnist", "loss=denoising") == drawn("modality=image")
    assert drawn("recipe=mean_flow_mnist", "loss=consistency") == drawn("modality=image", "loss=consistency")


@pytest.mark.parametrize("modality", ["image", "audio", "video"])
def test_it_trains_and_draws_in_every_modality(tmp_path, modality):
    """Attention and temporal layers under forward-mode differentiation, conditions guided into the path."""
    words = ["loss=mean_flow", "loss.scale=2", "loss.wait=0.2", *BRISK]
    assert trained(tmp_path / "run", *words, modality=modality, steps=6) == 0
    assert weights(tmp_path / "run")["condition.leap2.weight"].abs().max() > 0
    assert sampled(tmp_path / "run", "n=2", "sampler.steps=1", f"out={tmp_path / 'one'}") == 0


def test_a_run_that_goes_on_with_it_keeps_what_it_knew(usual, jumping):
    """Begins as the averaged model, with its guidance trained in; the length is new."""
    recipe = recipes.read(jumping / "recipe.yaml")
    assert recipe.loss.options == {"wait": 0.0, "scale": 2.5}
    assert (recipe.guidance.scale, recipe.sampler.name) == (1.0, "ddim")
    run = jumping.parent / "standing"
    words = [f"start={usual}", f"run={run}", "loss=mean_flow", "optimizer.lr=1e-12", "train.steps=1"]
    assert train.main(words) == 0
    old, new = weights(usual, "ema"), weights(run)
    assert {key.rpartition(".")[0] for key in new if key not in old} == {"condition.leap1", "condition.leap2"}
    assert all(torch.allclose(old[key], new[key], atol=1e-8) for key in old)
    (_, media, ours), (_, _, theirs) = model_of(run), model_of(usual)
    x, t = torch.randn(3, *media.event_shape), torch.tensor([0.2, 0.5, 0.8])
    with torch.inference_mode():
        want = theirs(x, t)
        assert all(torch.allclose(ours(x, t, None, to), want, atol=1e-4) for to in (None, t, 0.3 * t, 0 * t))


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
    before, after = (read_image(str(tmp_path / name / "000000.png")).int() for name in ("one", "edited"))
    gone = torch.zeros(before.shape, dtype=torch.bool)
    gone[:, 2:9, 3:8] = True
    assert (before - after).abs()[~gone].max() <= 1
    assert (before - after).abs()[gone].max() > 1


def test_it_can_teach_and_lead_back(usual, jumping, tmp_path):
    back, taught = tmp_path / "back", tmp_path / "taught"
    assert train.main([f"start={jumping}", f"run={back}", "loss=denoising", "train.steps=1"]) == 0
    assert set(weights(back)) == set(weights(usual))
    assert recipes.read(back / "recipe.yaml").sampler.name == recipes.load(["modality=image"]).sampler.name
    assert train.main([f"start={jumping}", f"run={taught}", "loss=distillation", "train.steps=1"]) == 0
    assert recipes.read(taught / "recipe.yaml").loss.options["scale"] == 1.0  # its means are guided already
    again = recipes.load([f"start={taught}", f"run={tmp_path / 'again'}", "loss=mean_flow"])
    assert again.loss.options == {"scale": 1.0}  # and waits, for what it starts from knows ends alone


def test_broken_off_it_goes_on_exactly_and_splitting_a_batch_changes_rounding_only(tmp_path):
    straight, broken, split = (tmp_path / name for name in ("straight", "broken", "split"))
    words = ["loss=mean_flow", "loss.share=0.8", "loss.wait=0"]
    trained(straight, *words, steps=4)
    trained(broken, *words, steps=2)
    train.main([f"run={broken}", "train.steps=4"])
    trained(split, *words, "train.accumulate=2", steps=4)
    a, b, c = weights(straight), weights(broken), weights(split)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert all(torch.allclose(a[key], c[key], atol=1e-4) for key in a)


def test_only_the_length_may_be_lacking(usual, jumping, tmp_path):
    """In the checkpoint or in the network, and as a whole."""
    recipe, media, _ = model_of(jumping)
    network, cpu = build.network(recipe, media), torch.device("cpu")
    ema = checkpoint.latest(usual) / "ema.safetensors"
    may_lack = ("condition.leap1", "condition.leap2")
    load_weights(network, ema.parent, "ema", cpu, may_lack=may_lack)
    with pytest.raises(ValueError, match="does not fit its recipe"):
        load_weights(network, ema.parent, "ema", cpu)
    tensors = load_file(checkpoint.latest(jumping) / "ema.safetensors")
    for gone in ("condition.noise1.weight", "condition.leap1.weight"):
        save_file({key: tensor for key, tensor in tensors.items() if key != gone}, tmp_path / "ema.safetensors")
        with pytest.raises(ValueError, match="does not fit its recipe"):
            load_weights(network, tmp_path, "ema", cpu, may_lack=may_lack)


@pytest.mark.parametrize("name", ["eps", "score"])
def test_a_prediction_of_noise_alone_is_refused(tmp_path, capsys, name):
    assert trained(tmp_path / "run", "loss=mean_flow", f"denoiser.prediction={name}") == 2
    assert f"denoiser.prediction={name} it does not: choose v, or x0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
