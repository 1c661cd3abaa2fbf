"""Each metric gets worse, in order, as real examples are damaged more: of the embedded images, tones and clips.

The examples of the floor's kind, real and unseen by the network, are the starting point; damages rise from there.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from modalities.data.example import Source
from modalities.features import learning
from modalities.features.pretext import blurred
from modalities.modality import Modality, load
from tools.evaluation import measures, networks, score, stream
from tools.evaluation.score import Result, Target

COUNT, REAL = 100, 200
DISTANCES = ("frechet", "kernel")
OPTIONS = {"image": {"size": 16}, "audio": {"samples": 2048}, "video": {"size": 16, "frames": 6}}
STEPS = {"image": 80, "audio": 40, "video": 60}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIFUSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(networks, "EXAMPLES", {2: 400, 3: 300})
        patch.setattr(measures, "RESAMPLES", 20)
        for name, options in OPTIONS.items():
            patch.setattr(learning, "STEPS", STEPS[name])
            media = load(name, **options)
            found[name] = score.target(media, media.source(None, "train"), samples=COUNT, real=REAL)
        yield found


def damaged(goal: Target, damage: Callable[[Tensor], Tensor], classes: int = 5) -> Result:
    """The scores of `COUNT` unseen real examples of the first so many classes after `damage` of their stored media."""
    held_out: Source = goal.media.source(None, "test")
    items = [i for i in range(2000) if i % 5 < classes][:COUNT]  # class of embedded example i is i mod 5
    real = stream.real(goal.media, held_out, items, workers=0)
    parts = [part._replace(media=damage(part.media)) for part in real]
    found = score.scored(goal, parts)
    assert found is not None
    return found


def rising(found: list[Result], name: str) -> bool:
    values = [result.value(name) for result in found]
    return all(a < b for a, b in pairwise(values))


def noise(amount: float) -> Callable[[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(0)
    return lambda x: (x + amount * torch.randn(x.shape, generator=generator)).round().clamp(0, 255).to(torch.uint8)


def blur(times: int) -> Callable[[Tensor], Tensor]:
    def of(x: Tensor) -> Tensor:
        out = x.float()
        for _ in range(times):
            out = blurred(out)
        return out.round().to(torch.uint8)

    return of


def same(x: Tensor) -> Tensor:
    return x


def test_real_examples_measure_as_their_floor(targets: dict[str, Target]) -> None:
    for goal in targets.values():
        found = damaged(goal, same)
        assert set(found.values) == set(found.floors) >= {"frechet", "kernel", "precision", "recall", "accuracy"}
        low, high = found.values["kernel"][1:]
        assert low is not None
        assert high is not None
        assert low < 0 < high or abs(found.value("kernel")) < 0.1 * damaged(goal, torch.zeros_like).value("kernel")
        for name in ("precision", "recall", "coverage"):
            assert found.value(name) > found.floor(name) - 0.15


def test_noise_in_pictures(targets: dict[str, Target]) -> None:
    """As far as there is a picture under it: beyond, nothing resembles the data, and distances no longer tell."""
    found = [damaged(targets["image"], noise(amount)) for amount in (0, 5, 15, 40)]
    for name in DISTANCES:
        assert rising(found, name), name
    assert rising(found[::-1], "precision")
    assert found[0].value("density") > found[1].value("density")


def test_blur_of_pictures(targets: dict[str, Target]) -> None:
    found = [damaged(targets["image"], blur(times)) for times in (0, 1, 3, 8)]
    for name in DISTANCES:
        assert rising(found, name), name
    assert found[0].value("precision") > found[-1].value("precision")
    assert found[0].value("accuracy") > found[-1].value("accuracy")


def test_dropped_classes(targets: dict[str, Target]) -> None:
    """Recall falls less evenly: where samples are few, their balls are large (Naeem et al. 2020, sec. 3.1)."""
    found = [damaged(targets["image"], same, classes) for classes in (5, 4, 2, 1)]
    for name in ("frechet", "kernel"):
        assert rising(found, name), name
    for name in ("coverage", "score"):
        assert rising(found[::-1], name), name
    assert found[0].value("recall") > max(result.value("recall") for result in found[1:])
    assert found[-1].value("recall") < min(result.value("recall") for result in found[:-1])
    assert found[-1].value("precision") > 0.7  # what is there is real


def test_clipped_sounds(targets: dict[str, Target]) -> None:
    def clipped(share: float) -> Callable[[Tensor], Tensor]:
        def of(x: Tensor) -> Tensor:
            top = (x.float().abs().amax(-1, keepdim=True) * share).round()
            return x.float().clamp(-top, top).to(torch.int16)

        return of

    found = [damaged(targets["audio"], clipped(share)) for share in (1, 0.5, 0.2, 0.05)]
    for name in DISTANCES:
        assert rising(found, name), name
    assert found[0].value("spectrum") < found[-1].value("spectrum")
    assert found[0].value("coverage") > found[-1].value("coverage")


def test_shuffled_frames(targets: dict[str, Target]) -> None:
    """Single frames stay as they are; more and more of the clips have them in another order."""
    generator = torch.Generator().manual_seed(3)

    def shuffled(share: float) -> Callable[[Tensor], Tensor]:
        def of(x: Tensor) -> Tensor:
            orders = [torch.randperm(x.shape[1], generator=generator) for _ in x]
            count = round(share * len(x))
            return torch.stack(
                [clip[order] if i < count else clip for i, (clip, order) in enumerate(zip(x, orders, strict=True))]
            )

        return of

    found = [damaged(targets["video"], shuffled(share)) for share in (0, 0.3, 0.6, 1)]
    for name in (*DISTANCES, "motion", "jerk"):
        assert rising(found, name), name


def test_flickering_clips(targets: dict[str, Target]) -> None:
    """The statistic grows with the light's; of the features, which never saw such clips, any is far away."""

    def flickering(amount: int) -> Callable[[Tensor], Tensor]:
        light = torch.tensor([0, amount] * 3).view(1, 6, 1, 1, 1)
        return lambda x: (x.int() + light).clamp(0, 255).to(torch.uint8)

    found = [damaged(targets["video"], flickering(amount)) for amount in (0, 5, 20, 45, 90)]
    assert rising(found, "flicker")
    for name in DISTANCES:
        assert found[0].value(name) < 0.1 * min(result.value(name) for result in found[1:]), name


def test_counts_and_values_say_what_was_compared(targets: dict[str, Target]) -> None:
    goal: Target = targets["image"]
    media: Modality = goal.media
    found = damaged(goal, same)
    assert (found.samples.count, found.real.count) == (COUNT, REAL)
    assert goal.beside is not None
    assert goal.beside.count == COUNT
    division = stream.divided(50_000, teaches=True)
    assert not set(division.taught) & set(goal.compared)
    assert media.name == found.modality == "image"
