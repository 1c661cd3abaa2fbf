"""The embedded images show what `describe` says."""

import pickle
from collections import Counter

import pytest
import torch

from modalities.data.shapes import COLOURS, GROUNDS, SHAPES
from modalities.image.synthetic import Synthetic

SOURCE = Synthetic(size=32)


def mask(index: int) -> torch.Tensor:
    """Coverage (32, 32) of the shape in image `index`, from its distance to the ground colour."""
    what = SOURCE.describe(index)
    ground = torch.tensor(GROUNDS[what["ground"]]).float().view(3, 1, 1)
    off = (SOURCE.read(index).media.float() - ground).norm(dim=0)
    return (off / (0.6 * off.max())).clamp(max=1)


def test_colour_place_and_ground_are_as_described() -> None:
    for index in range(200):
        what, media = SOURCE.describe(index), SOURCE.read(index).media.float()
        y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
        weight = mask(index)
        covered = weight > 0.99
        within = torch.hypot(x - what["centre"][0], y - what["centre"][1]) < what["radius"] + 1
        assert (weight[~within] == 0).all(), index
        if what["shape"] in ("circle", "ring", "square"):
            found = ((x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum())
            assert found == pytest.approx(what["centre"], abs=0.35)
        mean = media[:, covered].mean(1)
        angle = {c: torch.cosine_similarity(mean, torch.tensor(rgb).float(), dim=0) for c, rgb in COLOURS.items()}
        assert max(angle, key=lambda c: angle[c]) == what["colour"]


def test_shapes_fill_their_share_of_the_circle_around_them() -> None:
    share = {"circle": 1.0, "ring": 0.75, "square": 2 / torch.pi, "star": 0.393, "triangle": 0.4135}
    for index in range(100):
        what = SOURCE.describe(index)
        filled = float(mask(index).sum()) / (torch.pi * what["radius"] ** 2)
        assert filled == pytest.approx(share[what["shape"]], rel=0.16), what  # the outline counts a little too much


def test_an_image_is_a_function_of_seed_and_index_alone() -> None:
    again = pickle.loads(pickle.dumps(SOURCE))
    assert torch.equal(SOURCE.read(17).media, again.read(17, torch.Generator().manual_seed(5)).media)
    assert not torch.equal(SOURCE.read(17).media, SOURCE.read(22).media)
    assert not torch.equal(SOURCE.read(17).media, Synthetic(size=32, seed=1).read(17).media)


def test_the_first_image_does_not_change() -> None:
    # Literal numbers: a run resumed after an update must see the data that it was trained on.
    assert SOURCE.describe(0)["caption"] == "a medium green circle on navy"
    assert int(SOURCE.read(0).media.sum()) == pytest.approx(145_616, abs=64)


def test_classes_colours_and_sizes_are_balanced() -> None:
    described = [SOURCE.describe(i) for i in range(3000)]
    assert set(Counter(d["label"] for d in described).values()) == {600}
    assert SOURCE.classes == SHAPES
    for key, kinds in (("colour", 6), ("ground", 3)):
        counts = Counter(d[key] for d in described).values()
        assert len(counts) == kinds
        expected = 3000 / kinds
        assert all(abs(count - expected) < 5 * expected**0.5 for count in counts)
    assert all(d["caption"].split()[2:4] == [d["colour"], d["shape"]] for d in described)


def test_size_scales_the_picture() -> None:
    small, large = SOURCE.read(0).media.float(), Synthetic(size=64).read(0).media.float()
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large, 2), small, atol=40, rtol=0)
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().mean() < 1


def test_impossible_sizes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"size=4, channels=3: shapes need size >= 8 and 1 or 3 channels"):
        Synthetic(size=4)
