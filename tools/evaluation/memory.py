"""Whether samples are copies: how near they lie to the training data, beside how near unseen real examples do.

    ratio = median_j d(sample_j, nearest training example) / median_i d(held-out_i, nearest training example)

in the space of the views, root mean square per value. About 1 where the model draws new things; well below, where it
has learned examples by heart (Meehan et al. 2020 test the same comparison of distances).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.distances import Nearest, bootstrap
from core.training.distributed import World
from modalities.data.example import Source
from modalities.features.views import view_of
from modalities.modality import Modality
from tools.evaluation import stream
from tools.evaluation.measures import Value

QUERIES = 256
"""Samples, and held-out examples, whose neighbours are sought."""

SHOWN = 8
"""Samples on the picture: those nearest to a training example."""


@dataclass(frozen=True)
class Memory:
    ratio: Value
    pairs: Tensor
    """(2 * SHOWN, ...) stored media: samples nearest to the training data, and their neighbours, in turn."""
    distances: list[float]
    """Of these samples."""


def memory(media: Modality, samples: Tensor, train: Source, held_out: Source, world: World) -> Memory | None:
    """Of stored samples (n, ...), for whose neighbours the processes search one share of the training examples each.

    All of them give the same samples; None on all but the first.
    """
    view = view_of(media)
    real = torch.cat([p.media for p in stream.real(media, held_out, stream.some(len(held_out), QUERIES), workers=0)])
    queries = torch.cat([view(part).flatten(1) for part in (samples, real)])
    nearest = Nearest(queries)
    for part in stream.real(media, train, range(len(train)), world):
        nearest.add(view(part.media).flatten(1))
    numbers = nearest.index[:, 0] * world.size + world.rank  # of this process's share: every size-th example
    found = world.gathered((nearest.squared[:, 0], numbers))
    if not world.first:
        return None
    squared, index = (torch.stack(column) for column in zip(*found, strict=True))
    least = squared.argmin(0, keepdim=True)
    index = index.gather(0, least)[0]
    apart = (squared.gather(0, least)[0] / queries.shape[1]).sqrt()
    ours, theirs = apart[: len(samples)], apart[len(samples) :]
    scale = max(float(theirs.median()), 1e-9)
    value = float(ours.median()) / scale
    generator = torch.Generator().manual_seed(0)
    interval = bootstrap(lambda x: float(x.median()) / scale, ours, generator=generator, value=value)
    closest = ours.argsort()[:SHOWN]
    theirs_of = [next(stream.real(media, train, [int(index[i])], workers=0)).media[0] for i in closest]
    pairs = torch.stack([samples[closest], torch.stack(theirs_of)], 1).flatten(0, 1)
    return Memory(Value(value, *interval), pairs, ours[closest].tolist())
