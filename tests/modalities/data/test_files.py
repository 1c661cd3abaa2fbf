"""What becomes of files that cannot be decoded."""

from dataclasses import dataclass
from functools import partial
from io import BytesIO

import pytest
import torch
from torch import Tensor

from modalities.data.example import BadFile, Source
from modalities.data.files import Files
from modalities.data.item import Item


@dataclass(frozen=True)
class Numbered:
    length: int
    classes: tuple[str, ...] = ("a", "b")

    def __len__(self) -> int:
        return self.length

    def item(self, index: int) -> Item:
        return Item(f"{index}.x", partial(BytesIO, b""), label=index % 2)


@dataclass(frozen=True)
class Decode:
    bad: frozenset[int]

    def __call__(self, item: Item, where: float) -> tuple[Tensor, int]:
        index = int(item.name.split(".")[0])
        if index in self.bad:
            raise BadFile("broken") if index % 2 else OSError(5, "Input/output error")
        return torch.tensor([float(index), where], dtype=torch.float64), 0


def read(source: Source, index: int, seed: int = 0) -> tuple[list[float], int, tuple[str, ...]]:
    example = source.read(index, torch.Generator().manual_seed(seed))
    return example.media.tolist(), example.label, example.bad


def test_a_bad_file_is_replaced_by_the_next_good_one_and_named() -> None:
    source = Files(Numbered(500), Decode(frozenset({3, 4, 499})))
    where = torch.rand((), dtype=torch.float64, generator=torch.Generator().manual_seed(0)).item()
    assert read(source, 2) == ([2.0, where], 0, ())
    assert read(source, 3) == ([5.0, where], 1, ("3.x: broken", "4.x: Input/output error"))
    assert read(source, 499) == ([0.0, where], 0, ("499.x: broken",))
    assert read(source, 3) == read(source, 3)


def test_where_is_a_function_of_the_seed_and_fills_the_unit_interval() -> None:
    source = Files(Numbered(10), Decode(frozenset()))
    drawn = [read(source, 1, seed)[0][1] for seed in range(300)]
    assert min(drawn) < 0.02
    assert max(drawn) > 0.98
    assert abs(sum(drawn) / 300 - 0.5) < 4 * (1 / 12 / 300) ** 0.5


@pytest.mark.parametrize(("length", "bad", "fine"), [(300, 3, True), (300, 4, False), (20, 1, True), (20, 2, False)])
def test_more_bad_files_in_a_row_than_one_percent_is_an_error(length: int, bad: int, fine: bool) -> None:
    source = Files(Numbered(length), Decode(frozenset(range(bad))))
    if fine:
        assert read(source, 0)[0][0] == bad
    else:
        with pytest.raises(
            ValueError, match=rf"^{bad} of {length} files cannot be used \(more than 1 %\): 0\.x: Input"
        ):
            read(source, 0)


def test_nothing_but_bad_files() -> None:
    with pytest.raises(ValueError, match=r"^1 of 1 files cannot be used \(all\): 0\.x: Input/output error$"):
        read(Files(Numbered(1), Decode(frozenset({0}))), 0)
