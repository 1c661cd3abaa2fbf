"""Score a set of samples against real examples: the whole of an evaluation but the words and pictures around it.

    result = score_folder(Path("samples/mnist"), Path("PATH/mnist"), media)
    result.value("frechet"), result.value("accuracy"), result.floor("frechet")

Beside every value stands its floor: that of as many other real examples in the place of the samples.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.training.distributed import World
from modalities.data.example import Source
from modalities.features.network import FeatureNetwork
from modalities.modality import Modality
from tools.evaluation import measures, networks, stream
from tools.evaluation.gathered import Gathered, gather, statistics_of
from tools.evaluation.measures import Value
from tools.evaluation.stream import Part

REAL = 10_000
"""Real examples compared with, at most, unless said otherwise."""


@dataclass(frozen=True)
class Result:
    """Values and floors by metric, and what they were taken from."""

    values: dict[str, Value]
    floors: dict[str, Value]
    samples: Gathered
    real: Gathered
    network: FeatureNetwork
    modality: str
    notes: list[str] = field(default_factory=list)

    def value(self, name: str) -> float:
        return self.values[name].value

    def floor(self, name: str) -> float:
        return self.floors[name].value


@dataclass(frozen=True)
class Target:
    """Real examples, seen once by one network, that any number of sample sets are compared with."""

    media: Modality
    source: Source
    network: FeatureNetwork
    real: Gathered
    beside: Gathered | None
    """Other real examples, as many as the samples, for the floor."""
    compared: Sequence[int]
    """Numbers in the source of the examples in `real`."""


def score_folder(
    folder: Path,
    data: Path | None,
    media: Modality,
    *,
    n: int | None = None,
    real: int = REAL,
    metrics: Sequence[str] | None = None,
    split: str = "train",
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """The files of samples in `folder` (at most n) against the data (None: the embedded examples), by the classifier.

    metrics: names of `measures.names()`, by default all that fit the modality and the labels. Labels come from the
    folder's manifest. Raises ValueError, in one line, for what cannot be read or is too few.
    """
    source = media.source(data, split)
    files = stream.Files(folder, media, source.classes)
    count = min(len(files), n or len(files))
    if not count:
        raise ValueError(f"samples={folder} holds no {media.name} samples")
    goal = target(media, source, samples=count, real=real, name=data.name if data else media.name, say=say)
    found = scored(goal, files.parts(None, count), metrics=metrics)
    assert found is not None
    return found


def target(
    media: Modality,
    source: Source,
    *,
    samples: int,
    real: int = REAL,
    name: str = "data",
    features: str = "classifier",
    weights: str | None = None,
    options: dict | None = None,
    floor: bool = True,
    world: World | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Target:
    """What `samples` samples will be compared with: at most `real` examples, and as many others for the floor.

    Where the data hold fewer, both get half of them. All processes call it; the numbers are the first one's.
    """
    division = stream.divided(len(source), teaches=features == "classifier" or features.endswith(".safetensors"))
    pool = division.compared
    beside = min(samples, len(pool) // 2) if floor else 0
    compared = pool[: min(real, len(pool) - beside)]
    others = pool[len(compared) : len(compared) + beside]
    network = networks.chosen(
        features, media, source, division.taught, name=name, weights=weights, options=options, world=world, say=say
    )
    statistics = statistics_of(media.name)
    sets = []
    for items in (compared, others):
        parts = stream.real(media, source, items, world)
        sets.append(gather(parts, network, statistics, world) if items else None)
    empty = sets[0] is None and (world is None or world.first)
    if empty:
        raise ValueError("there are no real examples to compare with")
    return Target(media, source, network, sets[0], sets[1], compared)  # type: ignore[arg-type]


def scored(
    goal: Target,
    parts: Iterable[Part],
    *,
    metrics: Sequence[str] | None = None,
    world: World | None = None,
    watch: Callable[[Part], None] | None = None,
) -> Result | None:
    """The samples `parts` against the target; None on all processes but the first."""
    samples = gather(parts, goal.network, statistics_of(goal.media.name), world, watch=watch)
    if samples is None:
        return None
    able = possible(goal, samples)
    wanted = [name for name in able if metrics is None or name in metrics]
    values = measures.measured(samples, goal.real, wanted)
    floors, notes = dict[str, Value](), list[str]()
    if missing := [name for name in metrics or () if name in measures.names() and name not in able]:
        notes.append(f"{', '.join(missing)} cannot be taken of {goal.media.name} over {goal.network.name}, unlabelled")
    if goal.beside is not None:
        known = possible(goal, goal.beside)
        floors = measures.measured(goal.beside, goal.real, [name for name in wanted if name in known])
        if goal.beside.count != samples.count:
            notes.append(
                f"the floor is that of {goal.beside.count} real examples: the data hold no {samples.count} "
                f"beside the {goal.real.count} compared with"
            )
    return Result(values, floors, samples, goal.real, goal.network, goal.media.name, notes)


def possible(goal: Target, of: Gathered) -> list[str]:
    """The metrics that can be taken of these examples over the network of the target."""
    return [name for name, lack in fitting(goal, labelled=bool((of.rows.labels >= 0).any())).items() if not lack]


def fitting(goal: Target, *, labelled: bool) -> dict[str, str]:
    """By metric what keeps it from being taken over the network of the target; on the first process."""
    logits = goal.real.rows.logits.shape[1] > 0
    return measures.fitting(goal.media.name, logits=logits, classes=goal.network.classes, labelled=labelled)
