"""Batches: grouping, putting back in order, and the way through a pipe."""

import pickle

import torch

from modalities.data.batch import Batch
from modalities.data.example import Example


def mixed() -> Batch:
    lengths = [4, 6, 4, 4, 6]
    return Batch.of(
        [
            Example(torch.full((1, n), i, dtype=torch.int16), label=i, caption=f"c{i}", rate=n, name=f"n{i}")
            for i, n in enumerate(lengths)
        ]
    )


def test_examples_that_stack_are_grouped_and_gather_puts_them_back() -> None:
    batch = mixed()
    assert [(group.rate, group.places.tolist()) for group in batch.groups] == [(4, [0, 2, 3]), (6, [1, 4])]
    seen = []

    def convert(media: torch.Tensor, rate: int) -> torch.Tensor:
        seen.append(rate)
        return media[..., :2].float()

    torch.testing.assert_close(batch.gather(convert), torch.arange(5.0).view(5, 1, 1).expand(5, 1, 2))
    assert seen == [4, 6]
    assert batch.labels.tolist() == [0, 1, 2, 3, 4]
    assert len(batch) == 5
    assert batch.captions == ("c0", "c1", "c2", "c3", "c4")


def test_bad_files_are_named_once() -> None:
    example = Example(torch.zeros(1, 2, dtype=torch.int16), bad=("a: broken",))
    assert Batch.of([example, example._replace(bad=("b: broken", "a: broken"))]).bad == ("a: broken", "b: broken")


def test_a_batch_crosses_a_process_border_as_plain_bytes() -> None:
    # The plain pickler knows nothing of torch's shared memory, so a round trip shows that none is needed.
    batch = mixed()
    back = pickle.loads(pickle.dumps(batch))
    for ours, theirs in zip(batch.groups, back.groups, strict=True):
        assert torch.equal(ours.media, theirs.media)
        assert theirs.media.dtype == torch.int16
        assert torch.equal(ours.places, theirs.places)
    assert torch.equal(batch.labels, back.labels)
    assert (batch.captions, batch.names, batch.bad) == (back.captions, back.names, back.bad)
    back.groups[0].media.add_(1)  # writable: training may work in place


def test_to_moves_every_tensor() -> None:
    moved = mixed().to("meta")
    assert {moved.labels.device.type} | {t.device.type for g in moved.groups for t in (g.media, g.places)} == {"meta"}
