"""The captioned embedded generators: grammar, purity, balance, and the combinations that training never shows."""

import pickle
from collections import Counter
from typing import Any

import pytest
import torch

from modalities.audio import compositions as melodies
from modalities.image import compositions as scenes
from modalities.modality import load
from modalities.video import compositions as walks

MODULES: dict[str, Any] = {"image": scenes, "audio": melodies, "video": walks}
EXAMPLES = {
    "image": "a small red circle left of a blue square",
    "audio": "two plucked notes, low then high",
    "video": "a green triangle moving up",
}
"""What the grammars must be able to say."""


def combinations(name: str, parsed: Any) -> set[tuple]:
    """The pairs of attributes of a parsed caption that may be held out."""
    if name == "image":
        return {(thing.colour, thing.shape) for thing in parsed.things}
    return {(parsed.timbre, parsed.order)} if name == "audio" else {(parsed.shape, parsed.direction)}


def captions(name: str, split: str, count: int) -> list[str]:
    source = load(name, embedded="composed").source(None, split)
    return [source.describe(i)["caption"] for i in range(count)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MODULES)
def test_a_caption_says_what_is_parsed_from_it(name: str) -> None:
    parse = MODULES[name].parse
    for caption in [EXAMPLES[name], *captions(name, "val", 200), *captions(name, "test", 200)]:
        assert parse(caption).caption() == caption
        assert parse("  " + caption.upper().replace(" ", "  ")) == parse(caption)
    with pytest.raises(ValueError, match="is no caption of the embedded generator, such as") as error:
        parse("a mauve dodecahedron, two notes")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", MODULES)
def test_held_out_combinations_are_in_every_test_example_and_in_no_other(name: str) -> None:
    held, parse = set(MODULES[name].HELD_OUT), MODULES[name].parse
    seen: Counter[tuple] = Counter()
    for split in ("train", "val"):
        for caption in captions(name, split, 3000):
            assert not combinations(name, parse(caption)) & held
            seen.update(combinations(name, parse(caption)))
    shown: Counter[tuple] = Counter()
    for caption in captions(name, "test", 1500):
        assert combinations(name, parse(caption)) & held
        shown.update(combinations(name, parse(caption)) & held)
    assert set(shown) == held
    # What makes the test fair: every part of a held-out pair is well known from other pairs.
    for pair in held:
        for place in (0, 1):
            assert sum(count for other, count in seen.items() if other[place] == pair[place]) > 50


@pytest.mark.parametrize("name", MODULES)
def test_an_example_is_a_function_of_seed_and_index_alone(name: str) -> None:
    source = load(name, embedded="composed").source(None, "train")
    again = pickle.loads(pickle.dumps(source))
    assert torch.equal(source.read(9).media, again.read(9, torch.Generator().manual_seed(1)).media)  # type: ignore[call-arg]
    assert not torch.equal(source.read(9).media, source.read(14).media)  # type: ignore[call-arg]
    other = load(name, embedded="composed").source(None, "val")
    assert not torch.equal(source.read(9).media, other.read(9).media)  # type: ignore[call-arg]
    assert source.classes == ()
    assert source.read(9).label == -1  # type: ignore[call-arg]


def test_the_first_captions_do_not_change() -> None:
    # Literal words: a run resumed after an update must see the data that it was trained on.
    assert captions("image", "train", 2) == [
        "a small yellow triangle right of a small green square",
        "a small magenta triangle",
    ]
    assert captions("audio", "train", 2) == ["two saw notes, low then low", "one square note, high"]
    assert captions("video", "train", 2) == ["a yellow ring moving up slowly", "a magenta circle moving right slowly"]


def test_the_embedded_generator_is_chosen_by_name() -> None:
    assert load("image").source(None, "train").classes == ("circle", "ring", "square", "star", "triangle")
    with pytest.raises(ValueError, match="unknown embedded='scenes'; choose one of simple, composed"):
        load("video", embedded="scenes")
    with pytest.raises(ValueError, match=r"size=12, channels=3: scenes need size >= 16 and 3 channels"):
        load("image", size=12, embedded="composed").source(None, "train")
    with pytest.raises(
        ValueError, match=r"samples=2048, channels=1: melodies need sample_rate >= 8000, samples >= 3/8"
    ):
        load("audio", samples=2048, embedded="composed").source(None, "train")
    with pytest.raises(ValueError, match="walks need size >= 16, frames >= 2 and 3 channels"):
        load("video", frames=1, embedded="composed").source(None, "train")


def test_scenes_are_where_their_relation_says_and_do_not_touch() -> None:
    source = scenes.Compositions(held_out=True, seed=3)
    for index in range(500):
        what = source.describe(index)
        for radius, centre in zip(what["radii"], what["centres"], strict=True):
            assert all(radius - 1e-3 <= c <= 32 - radius + 1e-3 for c in centre)
        if len(what["centres"]) == 2:
            (ax, ay), (bx, by) = what["centres"]
            dx, dy = scenes.RELATIONS[what["scene"].relation]
            along, aside = (ax - bx) * dx + (ay - by) * dy, abs((ax - bx) * dy) + abs((ay - by) * dx)
            assert along >= sum(what["radii"]) + 32 * scenes.GAP - 1e-3
            assert along > 1.5 * aside


def test_walks_cover_the_way_that_their_speed_says() -> None:
    source = walks.Compositions(frames=8)
    for index in range(300):
        what = source.describe(index)
        room = 32 - 2 * what["radius"]
        share = 7 * max(map(abs, what["velocity"])) / room
        low, high = walks.SPEEDS[what["speed"]]
        assert low - 1e-6 <= share <= high + 1e-6
        assert what["walk"].speed in ("", what["speed"])


def test_values_beside_the_caption() -> None:
    source = walks.Compositions(length=5)
    assert source.field("direction") == [source.describe(i)["walk"].direction for i in range(5)]
    assert melodies.Compositions().read(0).values == {"notes": 2, "timbre": "saw"}
    assert scenes.Compositions().read(0).values == {"things": 2, "relation": "right of"}
