"""From a trained denoiser to media: seeds and labels in, samples out. `sample`, `train` and `demo` all draw here.

Sample i of seed s is made from the noise of seed s + i and of nothing else: the batch that it was made in changes
rounding only, and `seed=s+i n=1` makes it again.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.denoiser import Denoiser
from core.guidance.shared import shared
from core.sampling import last, per_example, prior
from core.schedule import Denoise, transport
from core.state import State
from core.temperature import scaled_noise, scaled_score
from core.training.objective import NO_LABEL
from core.training.seeds import generator_of
from tools import build, guidance
from tools.schema import Recipe


class Sample(NamedTuple):
    """What one file is made from: its number, its seed, and its class (-1 for none)."""

    number: int
    seed: int
    label: int


def plan(recipe: Recipe) -> list[Sample]:
    """The samples that a recipe asks for. Without `label`, the classes take turns.

    Raises ValueError for a label, or a negative one, that the model does not have.
    """
    classes = classes_of(recipe)
    wanted = label_number(recipe.sample.label, classes)
    negative_number(recipe)
    seeds = range(recipe.seed, recipe.seed + recipe.sample.n)
    turns = [seed % len(classes) if classes and wanted == NO_LABEL else wanted for seed in seeds]
    return [Sample(i, seed, label) for i, (seed, label) in enumerate(zip(seeds, turns, strict=True))]


def classes_of(recipe: Recipe) -> list[str]:
    return recipe.data.classes if recipe.data.class_conditional else []


def negative_number(recipe: Recipe) -> int:
    """The class that guidance moves away from; `NO_LABEL` where it is from no class, as usual."""
    return label_number(recipe.guidance.negative, classes_of(recipe), key="guidance.negative")


def label_number(label: int | str | None, classes: Sequence[str], *, key: str = "label") -> int:
    """The number of a class given by number or by name; `NO_LABEL` for None."""
    if label is None:
        return NO_LABEL
    if not classes:
        raise ValueError(f"{key}={label}: this model was trained without classes")
    if str(label) in classes:
        return classes.index(str(label))
    try:
        number = int(label)
    except ValueError:
        number = -1
    if not 0 <= number < len(classes):
        raise ValueError(f"{key}={label} is out of range: 0 to {len(classes) - 1}, or a name: {', '.join(classes)}")
    return number


def states(
    recipe: Recipe,
    denoiser: Denoiser,
    event_shape: Sequence[int],
    samples: Sequence[Sample],
    weaker: Denoiser | None = None,
) -> Iterator[State]:
    """The trajectory of one batch of samples, from noise to clean, as the recipe's sampler makes it.

    The first state is the noise itself. Randomness is drawn on the CPU, so that the device does not change it.
    """
    device = next(denoiser.parameters()).device
    generators = [generator_of(sample.seed) for sample in samples]
    randn_like = scaled_noise(per_example(generators), noise_scale=recipe.sampler.noise_scale)
    grid = build.component("core.grids", recipe.sampler.grid)
    times = grid(denoiser.schedule, recipe.sampler.steps)
    noise = randn_like(torch.empty(len(samples), *event_shape, device=device))
    x = prior(denoiser.schedule, noise, times[0])
    yield State(times[0], x)
    denoise = scaled_score(
        guided(recipe, denoiser, [sample.label for sample in samples], times, weaker),
        denoiser.schedule,
        score_scale=recipe.sampler.score_scale,
        sigma_data=denoiser.sigma_data,
    )
    sampler = build.sampler(recipe.sampler)
    yield from sampler(denoise, denoiser.schedule, x, times, randn_like=randn_like)


def guided(
    recipe: Recipe, denoiser: Denoiser, labels: Sequence[int], times: Tensor, weaker: Denoiser | None = None
) -> Denoise:
    """`x, t -> x0_hat` under these labels, guided as the recipe says; made anew for every run of a sampler.

    Scale 1 and models without labels cost one network call a step. `weaker` is the model of `guidance.weaker`.
    """
    label = torch.tensor(labels, device=next(denoiser.parameters()).device)
    away = torch.full_like(label, negative_number(recipe))
    conditional = shared(under(denoiser, label))
    models: dict[str, Any] = {"conditional": conditional, "schedule": denoiser.schedule, "times": times}
    models["unconditional"] = conditional if bool((label == away).all()) else under(denoiser, away)
    if weaker is not None:
        models["weaker"] = transport(under(weaker, label), weaker.schedule, denoiser.schedule)
    return guidance.compose(recipe.guidance, models)


def under(denoiser: Denoiser, label: Tensor) -> Denoise:
    """The denoiser under a label per example; a model without classes is given none."""
    cond = None if bool((label == NO_LABEL).all()) else {"label": label}
    return lambda x, t: denoiser(x, t, cond)


@torch.inference_mode()
def draw(
    recipe: Recipe,
    denoiser: Denoiser,
    event_shape: Sequence[int],
    samples: Sequence[Sample],
    weaker: Denoiser | None = None,
) -> Iterator[tuple[Sequence[Sample], Tensor]]:
    """The samples and their x0 (b, *event), batch by batch of `sample.batch`."""
    for first in range(0, len(samples), recipe.sample.batch):
        some = samples[first : first + recipe.sample.batch]
        yield some, last(states(recipe, denoiser, event_shape, some, weaker))
