"""The ready-made recipes: each passes the schema, says how to use it, and names a network that can be built."""

import dataclasses
import functools
import re

import pytest
import torch

import configs
from tools import build, components
from tools import recipe as recipes
from tools.schema import Recipe

NAMES = list(configs.recipes())
TRIO = ["audio", "image", "video"]


@functools.cache
def loaded(name: str) -> Recipe:
    return recipes.load([f"recipe={name}"])


def test_the_recipes_that_exist() -> None:
    of = {modality: {loaded(n).stage for n in NAMES if loaded(n).modality == modality} for modality in TRIO}
    assert list(configs.modalities()) == TRIO == list(of)
    assert all({"diffusion", "autoencoder"} <= stages for stages in of.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_header_gives_the_command_and_the_hardware(name: str) -> None:
    header = re.match(r"(#.*\n)+", configs.recipes()[name].read_text())
    assert header
    lines = header[0].splitlines()
    assert lines[0].endswith(".")  # what `trifuse recipes` shows
    assert any(line.startswith(f"#   python tools/train.py recipe={name}") for line in lines)
    assert any(line.startswith("# Hardware: ") for line in lines)
    embedded = name.startswith("demo_") or loaded(name).media["embedded"] == "composed"
    assert ("data.path=" in header[0]) == (not embedded)
    assert loaded(name).data.path is None  # where the data are is the user's to say


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_built_and_has_the_parameters_that_the_header_states(name: str) -> None:
    recipe, text = loaded(name), configs.recipes()[name].read_text()
    millions = sum(p.numel() for p in network_of(recipe).parameters()) / 1e6
    stated = re.search(r"with (\d+) M parameters", text)
    if re.search(r"# Hardware: one GPU", text):
        assert stated
        assert round(millions) == int(stated[1])
    else:
        assert stated is None
        assert millions < 10  # these are for a CPU


def network_of(recipe: Recipe) -> torch.nn.Module:
    """The network that the recipe trains, without its weights."""
    media = build.modality(dataclasses.replace(recipe, latents=None))  # the autoencoder is trained elsewhere
    if recipe.stage == "autoencoder":
        return build.autoencoder(recipe, media)
    channels, kinds = None if recipe.latents is None else 8, build.conditions(recipe, media)
    with torch.device("meta" if set(recipe.conditions) <= {"caption"} else "cpu"):  # others look at what they compute
        chosen = {name: value for name, value in recipe.network.items() if value is not None}  # of a GAN it is not used
        return media.network(classes=10, conditions=kinds, in_channels=channels, **chosen)


def test_the_full_scale_recipes_are_what_their_names_say() -> None:
    assert build.modality(loaded("cifar10_full")).event_shape == (3, 32, 32)
    assert build.modality(loaded("images64")).event_shape == (3, 64, 64)
    assert build.modality(loaded("video64")).event_shape == (3, 16, 64, 64)
    speech = loaded("speech16k")
    assert speech.media["sample_rate"] == 16000
    assert build.modality(speech).event_shape == (1, 16384)


def test_a_sampler_that_refuses_its_options_is_found_out_before_training() -> None:
    """`components.rehearse` runs it; no option of the recipes may wait for the end of a training to fail."""
    recipe = loaded("mnist")
    tree = recipes._tree(recipe)
    components.rehearse(tree)
    tree["sampler"]["grid"] = {"name": "karras", "sigma_min": 100.0}
    with pytest.raises(ValueError, match="karras"):
        components.rehearse(tree)
