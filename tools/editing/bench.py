"""What a task works with, what it gives back, and the one way from a measurement to results.

    result ~ p(x0 | y, condition),      y = A(signal) + noise_std n

by a solver of `core.posterior` around the recipe's sampler; see `docs/inverse_problems.md`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core import discover
from core.denoiser import Denoiser
from core.measurement import Measurement, Operator
from core.sampling import Sampler, last, per_example, prior
from core.schedule import Denoise
from core.state import RandnLike
from core.temperature import scaled_noise, scaled_score
from core.training.seeds import generator_of
from core.windows import windows
from modalities.modality import Modality
from tools import build, sampling
from tools.editing import defaults
from tools.editing.reading import Input
from tools.editing.space import Space
from tools.sampling import Sample
from tools.schema import Options, Recipe

NOISE = 2
"""Second word of the seed of the noise that `degrade=true` adds, so that it is not the noise a sample starts from."""

Change = Callable[[Tensor], Tensor]


def same(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is measured of a signal (1, C, ...), and how a file that is degraded already becomes the measurement.

    operator acts on signals; degraded: as what such a file is read, None for what the model reads; place: what was
    read -> y; shown: y -> a signal for the eye; known: where the signal must come out as it was given, bit for bit.
    """

    operator: Operator
    degraded: Modality | None = None
    place: Change = same
    shown: Change = same
    known: Tensor | None = None


@dataclass(frozen=True)
class Edited:
    """`before` are shown left of the results, each a batch of one with its caption; all signals (n, C, ...).

    `original` and `degraded` are there where there is an original to compare with; `again` degrades a signal as it was,
    without the noise, for the eye. `facts` go into the manifest, `each`
    holds those of every result, its caption among them.
    """

    before: Sequence[tuple[str, Tensor]]
    results: Tensor
    original: Tensor | None = None
    degraded: Tensor | None = None
    again: Change | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    each: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One edit: the model, the file, and what the command line says about both.

    media: what the file is; model: what the model makes of it, another one only where that is latents.
    solver: None where the media choose; noise: of the measurement as a share of full scale, None where the task
    chooses; degrade: the file is an original, to be degraded first; gain: loudness of the model over that of the file.
    """

    recipe: Recipe
    denoiser: Denoiser
    media: Modality
    model: Modality
    space: Space
    file: Input
    samples: Sequence[Sample]
    solver: Options | None = None
    noise: float | None = None
    degrade: bool = False
    gain: float = 1.0
    weaker: Denoiser | None = None

    @property
    def device(self) -> torch.device:
        return next(self.denoiser.parameters()).device

    def signal(self, media: Modality | None = None) -> Tensor:
        """The file as a signal (1, C, ...) on the device, at the model's loudness; `media` other than the model's."""
        read = self.space.read if media is None or media.name == "audio" else media.encode
        return self.gain * read(self.file.read(media or self.media).to(self.device)).float()

    def times(self) -> Tensor:
        grid = build.component("core.grids", self.recipe.sampler.grid)
        return grid(self.denoiser.schedule, self.recipe.sampler.steps)

    def sampler(self) -> Sampler:
        return build.sampler(self.recipe.sampler)

    def noises(self, samples: Sequence[Sample]) -> RandnLike:
        """Each result draws from its own seed alone."""
        generators = [generator_of(sample.seed) for sample in samples]
        return scaled_noise(per_example(generators), noise_scale=self.recipe.sampler.noise_scale)

    def denoise(self, samples: Sequence[Sample], times: Tensor) -> Denoise:
        """x, t -> x0_hat under the conditions of these samples, guided as the recipe says, at its temperature."""
        asked = sampling.conditions(self.recipe, self.model, samples, self.device)
        guided = sampling.guided(self.recipe, self.denoiser, asked, times, self.weaker)
        scale, spread = self.recipe.sampler.score_scale, self.denoiser.sigma_data
        return scaled_score(guided, self.denoiser.schedule, score_scale=scale, sigma_data=spread)

    def batches(self) -> list[Sequence[Sample]]:
        size = self.recipe.sample.batch
        return [self.samples[i : i + size] for i in range(0, len(self.samples), size)]


def solver_of(bench: Bench) -> Options:
    """The solver's name and options: the command line's, else that of the media; with the model's `sigma_data` where it
    takes one. Raises ValueError for a solver or an option that does not exist."""
    default = defaults.solver(bench.media.name, bench.space)
    chosen = dict(bench.solver or default)
    if chosen.get("name") in (None, default["name"]):
        chosen = default | chosen
    options = {k: v for k, v in chosen.items() if k != "name"}
    if "sigma_data" in discover.options_of(discover.resolve("core.posterior", chosen["name"])):
        options = {"sigma_data": bench.denoiser.sigma_data} | options
    return {"name": chosen["name"], **options}


def drawn(
    bench: Bench,
    some: Sequence[Sample],
    measurement: Measurement,
    solver: Options,
    randn_like: RandnLike,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """x0 (b, *shape) given the measurement, one for each of the samples; `shape` None is that of the model's x0.

    A larger one is seen by the denoiser through overlapping windows.
    """
    event, times = tuple(bench.model.event_shape), bench.times()
    sampler = build.component("core.posterior", solver)(bench.sampler(), measurement)
    denoise = bench.denoise(some, times)
    if shape is not None and tuple(shape) != event:
        denoise = windows(denoise, event[1:])
    noise = randn_like(torch.empty(len(some), *(shape or event), device=bench.device))
    start = prior(bench.denoiser.schedule, noise, times[0])
    return last(sampler(denoise, bench.denoiser.schedule, start, times, randn_like=randn_like)).float()


def solved(bench: Bench, measurement: Measurement, solver: Options, shape: Sequence[int] | None = None) -> Tensor:
    """Signals (n, C, ...) drawn given the measurement of an x0, one for each sample of the bench; see `drawn`."""
    parts = [drawn(bench, some, measurement, solver, bench.noises(some), shape) for some in bench.batches()]
    return bench.space.to_signal(torch.cat(parts))


def measured(bench: Bench, operator: Operator, y: Tensor, noise_std: float = 0.0) -> Measurement:
    """The measurement y of a signal as one of x0."""
    return Measurement(bench.space.operator(operator), y, noise_in_x0(bench, y, noise_std))


def noise_in_x0(bench: Bench, y: Tensor, noise_std: float) -> float:
    """The noise of a signal in units of x0.

    A model of spectrograms has its own, in which the noise is not white: what encoding makes of it, as its root mean
    square over the spectrogram, stands for it.
    """
    space = bench.space
    if space.x0 is None or not noise_std:
        return noise_std
    n = noise_std * torch.randn(y.shape, generator=generator_of(bench.recipe.seed, NOISE, 1)).to(y)
    return float((space.to_x0(y + n) - space.to_x0(y)).square().mean().sqrt())


def restored(bench: Bench, problem: Problem, noise: float = 0.0) -> Edited:
    """Measure the file (`degrade`) or take it as the measurement, and draw signals that fit it.

    `noise` is the task's own level, a share of full scale, where the command line says none.
    """
    level = noise if bench.noise is None else bench.noise
    noise_std = level * bench.space.unit * bench.gain
    original = bench.signal() if bench.degrade else None
    if original is None:
        y = problem.place(bench.signal(problem.degraded))
    else:
        y = added(bench, problem.operator(original), noise_std)
    solver = solver_of(bench)
    results = solved(bench, measured(bench, problem.operator, y, noise_std), solver)
    if problem.known is not None:
        results = torch.where(problem.known, y, results)
    degraded = problem.shown(y)
    before = [("degraded", degraded)] if original is not None else [("input", degraded)]
    return Edited(
        before=[("input", original), *before] if original is not None else before,
        results=results,
        original=original,
        degraded=degraded,
        again=lambda signal: problem.shown(problem.operator(signal)),
        facts={**said(solver), "noise": level},
    )


def added(bench: Bench, y: Tensor, noise_std: float) -> Tensor:
    """y with the noise of `degrade=true`, which follows from the seed alone."""
    if not noise_std:
        return y
    return y + noise_std * torch.randn(y.shape, generator=generator_of(bench.recipe.seed, NOISE)).to(y)


def said(solver: Options) -> dict[str, Any]:
    """What the manifest says of a solver."""
    return {"solver": solver["name"], "solver_options": {k: v for k, v in solver.items() if k != "name"}}


def replaced(media: Modality, **options: Any) -> Modality:
    """The same modality with other options, as what a file is read."""
    return dataclasses.replace(media, **options)  # type: ignore[type-var]
