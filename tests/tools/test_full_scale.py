"""The recipes for a GPU: as large as they say, and one real training step of each, at batch 1, on embedded data."""

import pytest
import torch

from core.training.distributed import World
from core.training.fit import check_finite
from tools import build
from tools import recipe as recipes
from tools.feed import feed
from tools.measure import measured
from tools.stages.diffusion import Diffusion

ALONE = World(0, 1, torch.device("cpu"))
MILLIONS = {"cifar10_full": (50, 60), "images64": (80, 300), "speech16k": (40, 80), "video64": (40, 120)}
"""Parameters in millions, at least and at most; DDPM++ and EDM have 55.7 on CIFAR-10."""


@pytest.mark.parametrize("name", MILLIONS)
def test_one_step_of_the_full_recipe_moves_every_weight_it_should(name):
    one_step = ["train.batch=1", "train.accumulate=1", "train.steps=1", "data.workers=0"]
    recipe = recipes.load([f"recipe={name}", *one_step, "precision=fp32", "compile=false"])
    media = build.modality(recipe)
    source = media.source(None, "train")
    recipe = measured(recipe, First(source), ALONE.device)
    training = Diffusion(recipe, media, ALONE)
    least, most = MILLIONS[name]
    assert least * 1e6 < training.parameters < most * 1e6
    head = training.network.unet.head.weight
    assert not head.any()
    batches = feed(recipe, source, media, ALONE, 0, lambda line: None)
    metrics = next(training.run(batches))
    check_finite(metrics)
    assert 0 < float(metrics.loss) < 20
    assert head.any()


class First:
    """A few examples of a source: enough to measure its spread by."""

    def __init__(self, source, count=4):
        self.source, self.count, self.classes = source, count, source.classes

    def __len__(self):
        return self.count

    def read(self, index, generator):
        return self.source.read(index, generator)
