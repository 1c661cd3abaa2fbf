"""From a generator to samples: z in, x0 out. Sample i of seed s depends on the z of seed s + i and its class alone."""

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.training.seeds import generator_of
from modalities.adversarial.generator import Generator
from modalities.adversarial.plan import Plan
from modalities.modality import Modality
from tools.sampling import Sample
from tools.schema import Gan, Recipe
from tools.stage import Draw


def plan(recipe: Recipe, media: Modality) -> Plan:
    """The sizes of both networks; raises ValueError where they do not fit each other or the media."""
    sizes = {field.name for field in dataclasses.fields(Plan)} & {field.name for field in dataclasses.fields(Gan)}
    classes = len(recipe.data.classes) if recipe.data.class_conditional else 0
    options = {name: getattr(recipe.gan, name) for name in sizes}
    return Plan(event_shape=tuple(media.event_shape), classes=classes, **options)


def drawn(recipe: Recipe, generator: Generator) -> Draw:
    """One pass of the generator per batch. z is drawn on the CPU, so that the device does not change a sample.

    `sampler.noise_scale` scales z: below 1, samples nearer to each other (the truncation of Brock et al. 2019, soft).
    """
    device = generator.basis.device

    @torch.inference_mode()
    def draw(samples: Sequence[Sample]) -> Iterator[tuple[Sequence[Sample], Tensor]]:
        for first in range(0, len(samples), recipe.sample.batch):
            some = samples[first : first + recipe.sample.batch]
            z = [torch.randn(generator.plan.latent, generator=generator_of(sample.seed)) for sample in some]
            label = torch.tensor([sample.label for sample in some], device=device)
            yield some, generator(recipe.sampler.noise_scale * torch.stack(z).to(device), label)

    return draw
