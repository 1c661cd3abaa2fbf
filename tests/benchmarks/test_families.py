"""The benchmark of the three families: parts kept and found again, its own arithmetic, and what it refuses."""

import pytest
import torch

from benchmarks import _parts, families
from modalities import modality
from tools.evaluation.stream import Part


def test_a_part_is_made_once_and_only_for_its_settings(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"value": len(made)}

    path = tmp_path / "a" / "part.json"
    assert _parts.part(path, {"minutes": 1.0, "words": ("x=1",)}, make) == {"value": 1}
    assert _parts.part(path, {"minutes": 1.0, "words": ("x=1",)}, make) == {"value": 1}
    with pytest.raises(ValueError, match="another minutes: choose another out="):
        _parts.part(path, {"minutes": 2.0, "words": ("x=1",)}, make)
    assert len(made) == 1


def test_a_part_that_fails_leaves_nothing_behind(tmp_path):
    def broken():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _parts.part(tmp_path / "part.json", {}, broken)
    assert _parts.part(tmp_path / "part.json", {}, lambda: {"value": 2}) == {"value": 2}


def test_words_are_divided_among_benchmark_and_trainings():
    words = _parts.words(["n=5", "media.size=8", "data=x"], {"n": "1", "data": ""}, needed=["data"])
    assert (words.count("n"), words["data"], words.rest) == (5, "x", ["media.size=8"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["n=5"], "say data="),
        (["data=x", "n=0"], "n=0 must be a number of at least 1"),
        (["data=x", "n=1.5"], "n=1.5 must be a whole number"),
        (["data=x", "seeds=many"], "seeds=many must be a number"),
        (["data=x", "families=gan,van"], "must be some of gan,vae,diffusion"),
        (["data=x", "fast"], "'fast' is not key=value"),
    ],
)
def test_mistakes_are_one_line(argv, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        families.main([*argv, f"out={tmp_path}"])


def test_the_setback_is_the_worst_rise_above_the_best_so_far():
    assert families.setback([8.0, 4.0, 2.0]) == 1.0
    assert families.setback([8.0, 4.0, 6.0, 2.0, 2.5]) == 1.5


def test_sharpness_is_the_mean_step_between_neighbours():
    """Columns of black and white: every step is 2 in [-1, 1]; blurred to half the contrast it halves, flat it is 0."""
    media = modality.load("image", size=8, channels=1)
    columns = torch.tensor([0.0, 255.0]).repeat(4).expand(3, 1, 8, 8)
    found = []
    for contrast in (1.0, 0.5, 0.0):
        stored = (127.5 + contrast * (columns - 127.5)).round().to(torch.uint8)
        sharpness = families.Sharpness(media)
        parts = [Part(torch.arange(3), stored, torch.zeros(3))] * 2
        assert len(list(sharpness.watched(parts))) == 2
        found.append(sharpness.value)
    assert found == pytest.approx([2.0, 1.0, 0.0], abs=0.02)


def test_the_table_has_means_and_spreads():
    training = {"parameters": 1000, "steps": 10, "examples": 160, "seconds": 5.0}
    found = {
        "training": [training] * 2,
        "values": {"frechet": [2.0, 4.0]},
        "mean": {"frechet": 3.0},
        "spread": {"frechet": 2**0.5},
        "floor": {"frechet": 0.5},
        "network": "data 00",
        "n": 100,
        "real": 200,
        "seconds": [1.0, 2.0],
    }
    text = families.printed({"gan": found})
    assert "3 ± 1.4" in text
    assert "0.5" in text.splitlines()[2]
    assert "not an FID" in text
