"""The order of the data: which examples step k sees is a function of (seed, k) and of nothing else.

Position p of the endless stream is item `permutation(epoch)[p mod length]` of epoch `p div length`; step k takes the
positions k * batch to (k + 1) * batch - 1. So it depends neither on worker processes nor on how often training was
interrupted, and starting at step k costs one permutation.
"""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from core.training.seeds import generator_of, seed_of


class Draw(NamedTuple):
    """One example to read: its number in the source, and the seed of what is random in reading it (a crop, say)."""

    item: int
    seed: int


def permutation(length: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch: `(length,)` int64."""
    return torch.randperm(length, generator=generator_of(seed, epoch, length))


def data_order(
    length: int, batch: int, *, seed: int, start: int = 0, rank: int = 0, ranks: int = 1
) -> Iterator[list[Draw]]:
    """Batches of draws without end, from step `start` on; rank r of R takes every R-th draw of each global batch.

    Raises ValueError where `length` is 0, or `batch` does not divide evenly among the ranks.
    """
    if length < 1:
        raise ValueError("the data source is empty: there is nothing to train on")
    if batch < 1 or batch % ranks:
        raise ValueError(f"train.batch={batch} must be a positive multiple of the {ranks} processes")
    current, order = -1, torch.empty(0)
    for step in count(start):
        draws = []
        for position in range(step * batch + rank, (step + 1) * batch, ranks):
            epoch, place = divmod(position, length)
            if epoch != current:
                current, order = epoch, permutation(length, seed, epoch)
            draws.append(Draw(int(order[place]), seed_of(seed, position)))
        yield draws
