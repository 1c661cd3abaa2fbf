"""The embedded clips move as `describe` says."""

import pickle
from collections import Counter

import pytest
import torch

from modalities.video.synthetic import DIRECTIONS, Synthetic

SOURCE = Synthetic(size=32, frames=16)


def centres(media: torch.Tensor) -> torch.Tensor:
    """Centre of mass (x, y) of each frame (T, H, W, C) above the black ground."""
    light = (media.float().sum(-1) - 28).clamp(min=0)
    place = torch.arange(media.shape[1]) + 0.5
    total = light.sum((1, 2))
    return torch.stack([(light.sum(1) * place).sum(1) / total, (light.sum(2) * place).sum(1) / total], dim=1)


def test_velocity_direction_and_place_are_as_described() -> None:
    t = torch.arange(16.0).view(-1, 1)
    for index in range(60):
        what = SOURCE.describe(index)
        found = centres(SOURCE.read(index).media)
        slope = ((t - t.mean()) * found).sum(0) / (t - t.mean()).square().sum()
        assert tuple(slope.tolist()) == pytest.approx(what["velocity"], abs=0.03)
        assert (found - found[0] - t * slope).abs().max() < 0.35  # constant velocity
        if what["shape"] in ("circle", "square", "ring"):
            assert tuple(found[0].tolist()) == pytest.approx(what["centre"], abs=0.4)
        vx, vy = what["velocity"]
        sign = (round(vx / max(abs(vx), abs(vy))), round(vy / max(abs(vx), abs(vy))))
        assert SOURCE.classes[SOURCE.read(index).label] == what["direction"]
        assert DIRECTIONS[what["direction"]] == sign


def test_the_shape_stays_inside_and_crosses_most_of_its_way() -> None:
    for index in range(500):
        what = SOURCE.describe(index)
        first = torch.tensor(what["centre"])
        last = first + 15 * torch.tensor(what["velocity"])
        for end in (first, last):
            assert (end >= what["radius"] - 1e-3).all()
            assert (end <= 32 - what["radius"] + 1e-3).all()
        assert (last - first).norm() >= 0.6 * (32 - 2 * what["radius"]) - 1e-3


def test_a_clip_is_a_function_of_seed_and_index_alone() -> None:
    again = pickle.loads(pickle.dumps(SOURCE))
    assert torch.equal(SOURCE.read(9).media, again.read(9, torch.Generator().manual_seed(1)).media)
    assert not torch.equal(SOURCE.read(9).media, Synthetic(seed=1).read(9).media)
    assert set(Counter(SOURCE.describe(i)["label"] for i in range(400)).values()) == {100}


def test_any_number_of_frames_covers_the_same_way() -> None:
    short, long = Synthetic(frames=4).read(5).media, Synthetic(frames=16).read(5).media
    torch.testing.assert_close(short[0], long[0])
    torch.testing.assert_close(short[-1].float(), long[-1].float(), atol=2, rtol=0)
    assert Synthetic(frames=1).read(5).media.shape == (1, 32, 32, 3)


def test_impossible_options_are_an_error() -> None:
    with pytest.raises(ValueError, match="moving shapes need size >= 8, frames >= 1 and 1 or 3 channels"):
        Synthetic(frames=0)
