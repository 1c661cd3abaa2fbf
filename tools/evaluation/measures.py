"""The metrics: from two gathered sets to numbers with intervals.

Every measure takes (samples, real) and gives `Value`s by name; the floor is the same measure of real examples in the
place of samples. To add one: a function here and its line in `MEASURES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.distances import (
    Gaussian,
    Moments,
    bootstrap,
    class_score,
    fidelity_and_diversity,
    frechet_distance,
    kernel_distance,
    line_distance,
    mean_interval,
)
from core.distances.frechet import square_root
from modalities.features.motion import NAMES as MOVEMENTS
from modalities.features.sound import spectral_distance
from tools.evaluation.gathered import Gathered

RESAMPLES = 200
"""Of a bootstrap."""

WIDE = 512
"""Width from which a Fréchet distance is resampled fewer times: each takes an eigenvalue problem of that size."""


class Value(NamedTuple):
    value: float
    low: float | None = None
    """Ends of the 95 % interval over other samples of the same count."""
    high: float | None = None


@dataclass(frozen=True)
class Measure:
    """A function of two sets, the names of the values that it gives, and in which direction they are better."""

    of: Callable[[Gathered, Gathered], dict[str, Value]]
    titles: dict[str, str]
    better: str
    """lower, higher, or real: near to what real examples have."""
    modality: str = ""
    needs: str = ""
    """`classes` or `labels`."""


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def frechet(samples: Gathered, real: Gathered) -> dict[str, Value]:
    """Of all examples, not only the kept. Raises ValueError for fewer samples than a covariance needs."""
    enough(samples.count, real.count, samples.moments.width)
    target = Gaussian.of(real.moments)
    root = square_root(target.covariance)
    value = frechet_distance(target, Gaussian.of(samples.moments), root=root)
    rows = samples.rows.features
    low, high = bootstrap(
        lambda some: frechet_distance(target, Gaussian.of(Moments.of(some)), root=root),
        rows,
        generator=_generator(),
        value=value,
        resamples=RESAMPLES if rows.shape[1] < WIDE else RESAMPLES // 10,
        count=samples.count,
    )
    return {"frechet": Value(value, low, high)}


def enough(samples: int, real: int, width: int) -> None:
    """Raise ValueError where there are not more examples than features: a covariance would be singular."""
    for count, what in ((samples, "samples"), (real, "real examples")):
        if count <= width:
            raise ValueError(
                f"{count} {what} are too few for a Fréchet distance over features of width {width}: at least "
                f"{width + 1} are needed, ten times as many are better; or choose other metrics=, such as kernel"
            )


def kernel(samples: Gathered, real: Gathered) -> dict[str, Value]:
    found = kernel_distance(samples.rows.features, real.rows.features)
    reach = 1.96 * found.standard_error
    return {"kernel": Value(found.value, found.value - reach, found.value + reach)}


def neighbours(samples: Gathered, real: Gathered) -> dict[str, Value]:
    found = fidelity_and_diversity(samples.rows.features, real.rows.features)
    return {name: _mean(each) for name, each in found._asdict().items()}


def score(samples: Gathered, real: Gathered) -> dict[str, Value]:
    rows = samples.rows.logits.double().softmax(1)
    value = float(class_score(rows))
    return {"score": Value(value, *_resampled(lambda some: float(class_score(some)), rows))}


def accuracy(samples: Gathered, real: Gathered) -> dict[str, Value]:
    """Of the samples that were asked for with a label."""
    asked = samples.rows.labels >= 0
    right = samples.rows.logits.argmax(1)[asked] == samples.rows.labels[asked]
    return {"accuracy": _mean(right.double())}


def spectrum(samples: Gathered, real: Gathered) -> dict[str, Value]:
    target = real.rows.statistics
    rows = samples.rows.statistics
    value = spectral_distance(rows, target)
    return {"spectrum": Value(value, *_resampled(lambda x: spectral_distance(x, target), rows))}


def movement(samples: Gathered, real: Gathered) -> dict[str, Value]:
    """How far the distributions of motion, jerk and flicker lie apart, in percent of the mean of the real ones."""
    found = {}
    for column, name in enumerate(MOVEMENTS):
        ours, theirs = samples.rows.statistics[:, column], real.rows.statistics[:, column]
        scale = 100 / max(float(theirs.mean()), 1e-6)

        def apart(x: Tensor, theirs: Tensor = theirs, scale: float = scale) -> float:
            return scale * line_distance(x, theirs)

        found[name] = Value(apart(ours), *_resampled(apart, ours))
    return found


def _resampled(statistic: Callable[[Tensor], float], rows: Tensor) -> tuple[float, float]:
    return bootstrap(statistic, rows, generator=_generator(), resamples=RESAMPLES)


def _mean(values: Tensor) -> Value:
    return Value(float(values.double().mean()), *mean_interval(values, generator=_generator(), resamples=RESAMPLES))


MEASURES = (
    Measure(frechet, {"frechet": "Fréchet distance"}, "lower"),
    Measure(kernel, {"kernel": "kernel distance"}, "lower"),
    Measure(neighbours, {"precision": "precision", "recall": "recall"}, "higher"),
    Measure(neighbours, {"density": "density", "coverage": "coverage"}, "higher"),
    Measure(score, {"score": "class score"}, "higher", needs="classes"),
    Measure(accuracy, {"accuracy": "label accuracy"}, "higher", needs="labels"),
    Measure(spectrum, {"spectrum": "log-spectral distance, dB"}, "lower", modality="audio"),
    Measure(movement, {name: f"{name} apart, %" for name in MOVEMENTS}, "lower", modality="video"),
)


def names() -> list[str]:
    return [name for measure in MEASURES for name in measure.titles]


def fitting(modality: str, *, logits: bool, classes: Sequence[str], labelled: bool) -> dict[str, str]:
    """By metric what keeps it from being taken, in words: of this modality, with what the network says and the samples
    are labelled. Empty words where nothing does."""
    lacks = {
        "": "",
        "classes": "" if logits else "needs features that know classes",
        "labels": "" if classes and labelled else "needs samples with labels, and features that know them",
    }
    return {
        name: lacks[m.needs] if m.modality in ("", modality) else f"is a matter of {m.modality}, not of {modality}"
        for m in MEASURES
        for name in m.titles
    }


def measured(samples: Gathered, real: Gathered, wanted: Sequence[str]) -> dict[str, Value]:
    """The values of the metrics `wanted`, in the order of `MEASURES`; what several share is computed once."""
    functions = dict.fromkeys(m.of for m in MEASURES if set(m.titles) & set(wanted))
    found = {name: value for function in functions for name, value in function(samples, real).items()}
    return {name: found[name] for name in names() if name in wanted}
