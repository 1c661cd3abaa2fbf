"""From a trained denoiser to media: seeds and what is asked in, samples out. `sample`, `train` and `demo` draw here.

Sample i of seed s is made from the noise of seed s + i and of nothing else: the batch that it was made in changes
rounding only, and `seed=s+i n=1` makes it again.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.condition import Condition, same
from core.denoiser import Denoiser
from core.sampling import last, per_example, prior
from core.schedule import Denoise, transport
from core.state import State
from core.temperature import scaled_noise, scaled_score
from core.training.objective import NO_LABEL
from core.training.seeds import generator_of
from modalities.modality import Modality
from tools import abilities, asked, build, guidance
from tools.references import known, rolling, shapes
from tools.references import words as reference
from tools.schema import Recipe


class Sample(NamedTuple):
    """What one file is made from: its number, its seed, its class (-1 for none), and what else is asked of it."""

    number: int
    seed: int
    label: int
    words: asked.Words = MappingProxyType({})


class Asked(NamedTuple):
    """What a batch of samples is asked for, and what guidance moves away from: everything absent, as a rule."""

    cond: Condition
    away: Condition


def plan(recipe: Recipe, media: Modality) -> list[Sample]:
    """The samples that a recipe asks for. Where it asks for nothing, classes or the data's examples take turns.

    Raises ValueError for a label, a negative one, or any other condition that the model does not have.
    """
    classes, kinds = classes_of(recipe), build.conditions(recipe, media)
    wanted = label_number(recipe.sample.label, classes)
    negative_number(recipe)
    asked.negative(recipe, kinds)
    turns = asked.turns(recipe, kinds)
    samples = []
    for i in range(recipe.sample.n):
        seed = recipe.seed + i
        words = dict(turns[seed % len(turns)]) if turns else {}
        label = label_number(words.pop("label", None), classes) if wanted == NO_LABEL else wanted
        if classes and not turns and label == NO_LABEL:
            label = seed % len(classes)
        reference.check(words, kinds, recipe)
        samples.append(Sample(i, seed, label, words))
    return samples


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


def conditions(recipe: Recipe, media: Modality, samples: Sequence[Sample], device: torch.device) -> Asked:
    """The rows of some samples; what none of them is asked for is left out."""
    kinds, n = build.conditions(recipe, media), len(samples)
    cond = asked.rows([sample.words for sample in samples], kinds, device)
    away = asked.rows([asked.negative(recipe, kinds)] * n, kinds, device)
    labels, negative = torch.tensor([sample.label for sample in samples], device=device), negative_number(recipe)
    if any(sample.label != NO_LABEL for sample in samples):
        cond["label"] = labels
    if negative != NO_LABEL:
        away["label"] = torch.full_like(labels, negative)
    return Asked(cond or None, away or None)


def states(
    recipe: Recipe,
    denoiser: Denoiser,
    media: Modality,
    samples: Sequence[Sample],
    weaker: Denoiser | None = None,
    *,
    event_shape: Sequence[int] | None = None,
) -> Iterator[State]:
    """The trajectory of one batch of samples, from noise to clean, as the recipe's sampler makes it.

    The first state is the noise itself, of the media's shape unless `event_shape` gives another. Randomness is drawn on
    the CPU, so that the device does not change it.
    """
    device = next(denoiser.parameters()).device
    generators = [generator_of(sample.seed) for sample in samples]
    randn_like = scaled_noise(per_example(generators), noise_scale=recipe.sampler.noise_scale)
    grid = build.component("core.grids", recipe.sampler.grid)
    times = grid(denoiser.schedule, recipe.sampler.steps)
    kinds = build.conditions(recipe, media)
    wanted = conditions(recipe, media, samples, device)
    event_shape = event_shape or shapes.event_shape(samples[0].words, kinds) or media.event_shape
    noise = randn_like(torch.empty(len(samples), *event_shape, device=device))
    x = prior(denoiser.schedule, noise, times[0])
    yield State(times[0], x)
    asks = abilities.on_grid(denoiser, recipe.sampler, times)
    model = abilities.asked_once(denoiser, wanted.cond, asks)
    denoise = scaled_score(
        guided(recipe, denoiser, wanted, times, weaker, model=model, asks=asks),
        denoiser.schedule,
        score_scale=recipe.sampler.score_scale,
        sigma_data=denoiser.sigma_data,
    )
    rows = known.rows(kinds, wanted.cond)
    sampler = abilities.drawing(build.sampler(recipe.sampler), recipe.sampler, model)
    steps = sampler(known.keeping(denoise, rows), denoiser.schedule, x, times, randn_like=randn_like)
    yield from known.ending(steps, rows)


def guided(
    recipe: Recipe,
    denoiser: Denoiser,
    asked: Asked,
    times: Tensor,
    weaker: Denoiser | None = None,
    *,
    model: Denoise | None = None,
    asks: abilities.Asks | None = None,
) -> Denoise:
    """`x, t -> x0_hat` under what is asked, guided as the recipe says; made anew for every run of a sampler.

    Scale 1, and models of which nothing is asked, cost one network call a step. `weaker` is the model of
    `guidance.weaker`; `model` is the denoiser `asked_once`, where the caller has it, and `asks` what is asked in the
    denoiser's place.
    """
    conditional = model or abilities.asked_once(denoiser, asked.cond)
    models: dict[str, Any] = {"conditional": conditional, "schedule": denoiser.schedule, "times": times}
    models["unconditional"] = (
        conditional if same(asked.cond, asked.away) else abilities.under(asks or denoiser, asked.away)
    )
    if weaker is not None:
        models["weaker"] = transport(abilities.under(weaker, asked.cond), weaker.schedule, denoiser.schedule)
    return guidance.compose(recipe.guidance, models)


@torch.inference_mode()
def draw(
    recipe: Recipe,
    denoiser: Denoiser,
    media: Modality,
    samples: Sequence[Sample],
    weaker: Denoiser | None = None,
    *,
    event_shape: Sequence[int] | None = None,
) -> Iterator[tuple[Sequence[Sample], Tensor]]:
    """The samples and their x0 (b, *event), batch by batch of `sample.batch`; longer ones where `frames` or `seconds`
    ask for more than the model draws at once."""
    kinds, wanted = build.conditions(recipe, media), rolling.length(recipe, media)

    def window(some: Sequence[Sample]) -> Tensor:
        return last(states(recipe, denoiser, media, some, weaker, event_shape=event_shape))

    for some in shapes.batches(samples, kinds, recipe.sample.batch):
        yield some, window(some) if wanted is None else rolling.rolled(window, recipe, kinds, media, some, wanted)
