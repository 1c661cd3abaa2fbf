"""Which part of the data is for training."""

from pathlib import Path

import pytest

from modalities.data.splits import choose, embedded, group_files, split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00004.parquet", "train"),
        ("fsdd-test-00000.tar", "test"),
        ("Validation", "val"),
        ("train2017", "train"),
        ("training_set", "train"),
        ("trainer", ""),
        ("contest-1.tar", ""),
    ],
)
def test_split_of_a_name(name: str, split: str) -> None:
    assert split_of(name) == split


def test_shards_are_grouped_by_their_own_name_then_by_their_folder() -> None:
    root = Path("data")
    files = [root / name for name in ("a.tar", "test/a.tar", "train/test-1.tar", "x-val.tar")]
    grouped = {
        split: [f.relative_to(root).as_posix() for f in part] for split, part in group_files(files, root).items()
    }
    assert grouped == {"train": ["a.tar"], "test": ["test/a.tar", "train/test-1.tar"], "val": ["x-val.tar"]}


def test_a_held_out_part_stands_in_for_the_other_but_never_training_data() -> None:
    assert choose({"train": 1, "val": 2}, "test", "x") == 2
    with pytest.raises(ValueError, match=r"^x has no test split; it has train$"):
        choose({"train": 1}, "test", "x")
    with pytest.raises(ValueError, match="unknown split 'trian'"):
        choose({"train": 1}, "trian", "x")


def test_embedded_splits_differ_in_seed() -> None:
    assert len({embedded(split)[1] for split in ("train", "val", "test")}) == 3
    with pytest.raises(ValueError, match="unknown split"):
        embedded("tset")
