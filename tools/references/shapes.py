"""Samples as large as their references: which shape each has, and what can be drawn or shown together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from modalities.condition import Condition

Shape = tuple[int, ...]

Asked = TypeVar("Asked", bound=Any)
"""A sample with its `words`, see `tools.sampling`."""


def event_shape(words: Mapping[str, Any], kinds: Mapping[str, Condition]) -> Shape | None:
    """The shape of a sample asked for in these words; None where it is the model's own."""
    for name, kind in kinds.items():
        if name in words and hasattr(kind, "event_shape"):
            return tuple(kind.event_shape(kind.given(words[name])))
    return None


def batches(samples: Sequence[Asked], kinds: Mapping[str, Condition], size: int) -> Iterator[list[Asked]]:
    """The samples in their order, at most `size` at a time and all of one shape."""
    for _, alike in groupby(samples, key=lambda sample: event_shape(sample.words, kinds)):
        some = list(alike)
        yield from (some[first : first + size] for first in range(0, len(some), size))


def stacked(media: Sequence[Tensor]) -> Tensor:
    """Examples (*shape) of any sizes as one tensor: the smaller ones are followed by zeros along each axis."""
    largest = [max(sizes) for sizes in zip(*(example.shape for example in media), strict=True)]
    return torch.stack([_padded(example, largest) for example in media])


def _padded(example: Tensor, size: Sequence[int]) -> Tensor:
    missing = [want - have for want, have in zip(reversed(size), reversed(example.shape), strict=True)]
    return pad(example, [side for after in missing for side in (0, after)]) if any(missing) else example
