"""Random masks: what each kind knows, the shares, and that the generator alone decides."""

import pytest
import torch

from modalities.references import masks

SIZE = (8, 4, 6)
FRAMES = {"first": masks.first, "still": masks.still, "between": masks.between, "scattered": masks.scattered}
B = 400


def made(draw, size=SIZE, seed=0) -> torch.Tensor:
    return draw(B, size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_known_whole(name):
    mask = made(FRAMES[name])
    assert mask.shape == (B, *SIZE)
    assert bool((mask == mask[:, :, :1, :1]).all())
    assert torch.equal(mask, made(FRAMES[name]))
    if name != "still":
        assert not torch.equal(mask, made(FRAMES[name], seed=1))


def test_what_each_kind_of_frames_knows():
    along = {name: made(draw)[:, :, 0, 0] for name, draw in FRAMES.items()}
    counts = along["first"].sum(1)
    assert set(counts.tolist()) == set(range(1, 8))
    assert bool((along["first"].int().diff(dim=1) <= 0).all())  # a block from the start
    assert along["still"].tolist() == [[True] + [False] * 7] * B
    assert bool(along["between"][:, [0, -1]].all())
    assert bool((~along["between"]).any(1).all())  # something is left to draw
    assert {0, 8} < set(along["scattered"].sum(1).tolist())


@pytest.mark.parametrize("size", [(64,), (16, 20), (6, 8, 10)])
def test_boxes_holes_and_sides(size):
    box, side = made(masks.box, size), made(masks.side, size)
    assert torch.equal(made(masks.hole, size), ~box)
    for i in range(20):
        at = box[i].nonzero()
        low, high = at.amin(0), at.amax(0) + 1
        assert len(at) == int((high - low).prod())  # full, hence a box
        assert all(n // 4 <= w <= 3 * n // 4 for w, n in zip((high - low).tolist(), size, strict=True))
        known = side[i].float().mean()
        assert 0.05 < known < 0.95
        edges = [side[i].movedim(axis, 0)[end].all() for axis in range(len(size)) for end in (0, -1)]
        assert any(edges)
    starts = box.flatten(1).float().mean(0)
    assert float(starts.view(size)[tuple(n // 2 for n in size)]) > float(starts[0])  # the middle more than the corner


def test_shares_are_kept():
    kinds = {"nothing": masks.nothing, "still": masks.still, "first": masks.first}
    mask = masks.drawn(
        {"nothing": 1.0, "still": 3.0, "first": 0.0}, kinds, 4000, SIZE, torch.Generator().manual_seed(0)
    )
    assert mask.shape == (4000, 1, *SIZE)
    known = mask[:, 0, :, 0, 0].sum(1)
    assert set(known.tolist()) == {0, 1}
    assert abs(float((known == 1).double().mean()) - 0.75) < 0.03  # four standard errors
