"""The judges see in the generators' own examples what their captions say, and nothing else in spoilt ones."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from modalities.image.compositions import Scene
from modalities.image.compositions import parse as scene_of
from modalities.modality import load
from tools.compositions.judge import judge, shares
from tools.compositions.pictures import components, things

MEDIA = {
    "image": load("image", embedded="composed"),
    "audio": load("audio", embedded="composed", samples=6144),
    "video": load("video", embedded="composed", frames=8),
}
COUNT = {"image": 40, "audio": 40, "video": 10}


def examples(name: str, split: str) -> list[tuple[Tensor, str]]:
    source: Any = MEDIA[name].source(None, split)
    read = [source.read(i) for i in range(COUNT[name])]
    return [(example.media, example.caption) for example in read]


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("name", MEDIA)
def test_the_generators_own_examples_are_right(name: str, split: str) -> None:
    for media, caption in examples(name, split):
        verdict = judge(MEDIA[name], media, caption)
        assert all(right is not False for right in verdict.values()), (caption, verdict)


@pytest.mark.parametrize(
    ("name", "by_chance"),
    [("image", {"colour": 0.3, "shape": 0.4}), ("audio", {"order": 0.25}), ("video", {"shape": 0.5})],
)
def test_the_caption_of_another_example_is_wrong(name: str, by_chance: dict[str, float]) -> None:
    cases = examples(name, "val")
    found = shares([judge(MEDIA[name], a[0], b[1]) for a, b in pairwise(cases)])
    assert found["whole"] <= 0.12
    assert all(found[attribute] <= share for attribute, share in by_chance.items())


def test_each_attribute_of_a_scene_is_judged_by_itself() -> None:
    wanted = "a small red square right of a small magenta circle"
    media, caption = next(pair for pair in examples("image", "test") if pair[1] == wanted)
    scene = scene_of(caption)
    first, second = scene.things
    turned = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}[scene.relation]
    changed = {
        "relation": Scene(scene.things, turned),
        "colour": Scene((first._replace(colour="green"), second), scene.relation),
        "size": Scene((first, second._replace(size={"small": "large", "large": "small"}[second.size])), scene.relation),
        "count": Scene((first,), ""),
    }
    for attribute, asked in changed.items():
        verdict = judge(MEDIA["image"], media, asked.caption())
        assert [name for name, right in verdict.items() if right is False] == [attribute, "whole"], attribute


def test_noise_and_silence_are_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = {
        "image": torch.randint(0, 256, (3, 32, 32), generator=generator).to(torch.uint8),
        "audio": torch.randint(-9999, 9999, (1, 6144), generator=generator).to(torch.int16),
        "video": torch.randint(0, 256, (8, 32, 32, 3), generator=generator).to(torch.uint8),
    }
    for name, media in noise.items():
        for spoilt in (media, torch.zeros_like(media)):
            found = shares([judge(MEDIA[name], spoilt, caption) for _, caption in examples(name, "val")[:10]])
            assert found["whole"] == 0, name


def test_things_of_one_colour_are_told_apart_and_specks_are_none() -> None:
    mask = torch.zeros(6, 8, dtype=torch.bool)
    mask[0, 0] = mask[1, 1] = mask[4, 5:8] = mask[2, 5] = True  # a diagonal, a bar, a dot
    assert len(components(mask).unique()) == 4
    assert components(mask)[0, 0] == components(mask)[1, 1]
    picture = torch.zeros(3, 32, 32, dtype=torch.uint8)
    picture[0, 4:12, 4:12] = picture[0, 20:28, 4:12] = 230
    picture[:, 30, 30] = 255
    found = things(picture)
    assert [(thing.shape, round(thing.centre[1])) for thing in sorted(found, key=lambda t: t.centre[1])] == [
        ("square", 8),
        ("square", 24),
    ]


def test_shares_leave_out_what_was_not_asked_for() -> None:
    assert shares([{"size": True, "whole": True}, {"size": None, "whole": False}]) == {"size": 1.0, "whole": 0.5}
