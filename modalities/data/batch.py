"""A batch of examples on its way to the device: media as stored integers, grouped by what can be stacked.

Recordings of different sample rates have different lengths, so a batch holds one `Group` per (shape, rate);
`Group.places` says where in the batch its rows belong, and `Batch.gather` puts them there once all have one shape.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modalities.data.example import Example, Value


class Group(NamedTuple):
    """Examples of one shape and one rate."""

    media: Tensor
    """(n, *shape) of the stored integers."""
    rate: int
    """Samples per second for audio, else 0."""
    places: Tensor
    """(n,) int64: the place of each row in the batch."""


@dataclass(frozen=True)
class Batch:
    """B examples in the order of the draws."""

    groups: tuple[Group, ...]
    labels: Tensor
    """(B,) int64, -1 where there is none."""
    captions: tuple[str, ...]
    names: tuple[str, ...]
    bad: tuple[str, ...] = ()
    """«file: reason» of the unreadable files met while this batch was read."""
    values: Mapping[str, tuple[Value | None, ...]] = field(default_factory=dict)
    """Further fields of the metadata by name, one entry per example, None where it lacks the field."""
    partner: "Batch | None" = None
    """The files that belong to these examples in another folder, in the same order: their media alone."""
    reference: Tensor | None = None
    """The partners as x0 (B, *event), filled in by whoever prepares the batch, with the augmentation of the batch."""

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "Batch":
        """Stack examples; groups come in the order of their first member."""
        places: dict[tuple[object, ...], list[int]] = {}
        for i, example in enumerate(examples):
            places.setdefault((tuple(example.media.shape), example.rate), []).append(i)
        groups = tuple(
            Group(torch.stack([examples[i].media for i in at]), examples[at[0]].rate, torch.tensor(at))
            for at in places.values()
        )
        return cls(
            groups=groups,
            labels=torch.tensor([example.label for example in examples], dtype=torch.int64),
            captions=tuple(example.caption for example in examples),
            names=tuple(example.name for example in examples),
            bad=tuple(dict.fromkeys(reason for example in examples for reason in example.bad)),
            values={
                name: tuple(example.values.get(name) for example in examples)
                for name in dict.fromkeys(name for example in examples for name in example.values)
            },
            partner=cls._partners(examples),
        )

    @classmethod
    def _partners(cls, examples: Sequence[Example]) -> "Batch | None":
        pairs = [example.partner for example in examples]
        return cls.of([Example(pair[0], rate=pair[1]) for pair in pairs if pair]) if all(pairs) and pairs else None

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, convert: Callable[[Tensor, int], Tensor]) -> Tensor:
        """`convert(media (n, *shape), rate) -> (n, *event)` on each group, rows back in the order of the batch."""
        parts = [convert(group.media, group.rate) for group in self.groups]
        if len(parts) == 1:
            return parts[0]
        out = parts[0].new_empty(len(self), *parts[0].shape[1:])
        for group, part in zip(self.groups, parts, strict=True):
            out[group.places] = part
        return out

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """The same batch with its tensors on `device`."""
        return self._with(lambda x: x.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory, from which copies to a GPU run in the background."""
        return self._with(torch.Tensor.pin_memory)

    def record_stream(self, stream: Any) -> None:
        """Tell the CUDA allocator that `stream` uses these tensors (they were made on another one)."""
        for group in self.groups:
            group.media.record_stream(stream)
            group.places.record_stream(stream)
        self.labels.record_stream(stream)
        if self.partner is not None:
            self.partner.record_stream(stream)

    def _with(self, f: Callable[[Tensor], Tensor]) -> "Batch":
        groups = tuple(Group(f(group.media), group.rate, f(group.places)) for group in self.groups)
        partner = None if self.partner is None else self.partner._with(f)
        return replace(self, groups=groups, labels=f(self.labels), partner=partner)

    def __reduce__(self) -> tuple[Any, ...]:
        # Tensors would cross the process border as shared memory: a file descriptor each, and a bus error where a
        # container's /dev/shm is small. Plain bytes through the pipe cost one copy at memory speed and neither.
        groups = [(group.media.numpy(), group.rate, group.places.numpy()) for group in self.groups]
        rest = (self.captions, self.names, self.bad, dict(self.values), self.partner)
        return _restore, (groups, self.labels.numpy(), *rest)


def _restore(groups: list[Any], labels: Any, *rest: Any) -> Batch:
    restored = tuple(Group(torch.from_numpy(media), rate, torch.from_numpy(at)) for media, rate, at in groups)
    return Batch(restored, torch.from_numpy(labels), *rest)
