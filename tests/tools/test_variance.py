"""A variance that is learned: `loss=hybrid` gives the network a second answer, and `ddpm` draws by it."""

import dataclasses

import pytest
import torch

from core.training.seeds import generator_of
from tests.tools.small import arguments, sampled, trained, weights
from tools import build, sampling
from tools import recipe as recipes

SHAPES = {"image": (3, 16, 16), "audio": (1, 1024), "video": (3, 4, 16, 16)}


def answering(tmp_path, fraction, *more, modality="image"):
    """A recipe, its media, and a denoiser whose mean is arbitrary and whose variance lies at `fraction` everywhere."""
    words = arguments(tmp_path, "loss=hybrid", "denoiser.sigma_data=0.5", *more, modality=modality)
    recipe = recipes.load(words)
    recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, classes=["one", "other"]))
    media = build.modality(recipe)
    torch.manual_seed(0)
    network = build.network(recipe, media)
    head, C = network.unet.head, media.event_shape[0]
    places = torch.arange(len(head.weight)) % (2 * C)  # of every position of a patch, C channels of each answer
    torch.nn.init.normal_(head.weight, std=0.05)
    head.weight.data[places >= C] = 0
    head.bias.data[places >= C] = 2 * fraction - 1
    return recipe, media, build.denoiser(recipe, network).requires_grad_(False)


def drawn(recipe, media, denoiser, *words):
    asked = recipes.overlay(recipe, words)
    return torch.cat([x0 for _, x0 in sampling.draw(asked, denoiser, media, sampling.plan(asked, media))])


@pytest.mark.parametrize("modality", SHAPES)
@pytest.mark.parametrize("fraction", [0.0, 0.4, 1.0])
def test_ddpm_draws_by_the_networks_fraction(tmp_path, modality, fraction):
    """A constant one is the `variance` of that number, in every modality; said on the command line, that one counts."""
    recipe, media, denoiser = answering(tmp_path, fraction, modality=modality)
    words = ["sampler=ddpm", "sampler.steps=4", "n=2"]
    learned = drawn(recipe, media, denoiser, *words)
    assert learned.shape == (2, *SHAPES[modality])
    for number in (0.0, 0.4, 1.0):
        said = drawn(recipe, media, denoiser, *words, f"sampler.variance={number}")
        assert torch.allclose(learned, said, rtol=1e-4, atol=1e-5) == (number == fraction)


def test_another_path_and_another_sampler_take_the_mean_alone(tmp_path):
    """The fraction was learned for steps of the model's own path; a sampler without `variance` needs none."""
    recipe, media, denoiser = answering(tmp_path, 1.0)
    path = ["sampler=ddpm", "sampler.path=linear", "sampler.steps=4", "n=1"]
    assert torch.equal(
        drawn(recipe, media, denoiser, *path), drawn(recipe, media, denoiser, *path, "sampler.variance=0")
    )
    assert drawn(recipe, media, denoiser, "sampler=heun", "n=1").isfinite().all()


@pytest.mark.parametrize(("guidance", "each"), [(1, 1), (3, 2)])
def test_the_variance_costs_no_network_call(tmp_path, guidance, each):
    recipe, media, denoiser = answering(tmp_path, 0.3)
    calls = []
    denoiser.network.register_forward_hook(lambda *_: calls.append(1))
    drawn(recipe, media, denoiser, "sampler=ddpm", "sampler.steps=5", "n=1", f"guidance.scale={guidance}")
    assert len(calls) == 5 * each


def test_it_is_trained_continued_exactly_and_drawn_from(tmp_path):
    """What two trainings of two steps leave is what one of four leaves; both halves of the head have learned."""
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    words = ["loss=hybrid", "loss.weight=0.1", "loss.steps=50"]
    trained(straight, *words, steps=4)
    trained(broken, *words, steps=2)
    trained(broken, *words, steps=4)
    a, b = weights(straight), weights(broken)
    assert all(torch.equal(a[key], b[key]) for key in a)
    mean, variance = a["unet.head.bias"].unflatten(0, (-1, 2, 3)).unbind(1)  # positions of a patch, answers, channels
    assert (mean != 0).all()
    assert (variance != 0).all()
    assert sampled(straight, "n=1", f"out={tmp_path / 'samples'}") == 0
    assert (tmp_path / "samples" / "000000.png").is_file()


def test_the_loss_reaches_the_objective_with_its_options(tmp_path):
    """Through `Objective`, weight 0 is the denoising loss of the mean, and the weight counts."""
    _, _, denoiser = answering(tmp_path, 0.2)
    assert denoiser.answers == 2
    g = generator_of(0)
    x0, eps = torch.randn(2, 4, 3, 16, 16, generator=g)
    t = torch.linspace(0.1, 0.9, 4)

    def loss(*words):
        recipe = recipes.load(arguments(tmp_path, "loss.weighting=v", "loss.density=uniform", *words))
        return build.objective(recipe)(denoiser, x0, t, eps, None)

    assert torch.equal(loss("loss=hybrid", "loss.weight=0"), loss())
    assert (loss("loss=hybrid", "loss.weight=1") > loss()).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss.steps=10"], "unknown key loss.steps: denoising has no such option, hybrid has"),
        (["loss=hybrid", "loss.steps=0"], "hybrid: needs weight >= 0 and steps >= 1, got 0.001 and 0"),
        (["stage=gan", "loss=hybrid"], "loss=hybrid is for stage=diffusion, stage=gan has losses of its own"),
        (["loss=hybird"], "unknown loss 'hybird': did you mean hybrid"),
        (["loss=hybrid", "loss.weigth=0.1"], "unknown key loss.weigth.*loss.weight"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, message):
    with pytest.raises(ValueError, match=message):
        recipes.load(["modality=image", *words])
