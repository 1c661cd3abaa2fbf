"""Parquet tables, with and without the metadata of Hugging Face's `datasets`."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modalities.data import parquet
from modalities.data.example import BadFile
from modalities.data.recognise import container

BYTES = [bytes([i]) * (i + 1) for i in range(10)]


def table(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, rows_per_group: int = 3) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = pa.table(columns)
    if features:
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path, row_group_size=rows_per_group, compression="zstd")
    return path


def files(values: list[bytes | None]) -> list[dict[str, object]]:
    return [{"bytes": value, "path": f"{i}.bin"} for i, value in enumerate(values)]


def test_a_table_as_datasets_writes_it(tmp_path: Path) -> None:
    names = ["cat", "dog", "emu"]
    features = {
        "picture": {"_type": "Image"},
        "kind": {"_type": "ClassLabel", "names": names},
        "text": {"_type": "Value"},
    }
    columns = {"picture": files(list(BYTES)), "kind": [i % 3 for i in range(9)] + [-1], "text": ["a  b"] * 9 + [None]}
    table(tmp_path / "data/train-00000-of-00002.parquet", columns, features)
    table(tmp_path / "data/train-00001-of-00002.parquet", columns, features)
    table(tmp_path / "data/test-00000-of-00001.parquet", {k: v[:2] for k, v in columns.items()}, features)
    found = pickle.loads(pickle.dumps(container(tmp_path, "train", "image")))
    assert (len(found), found.classes) == (20, ("cat", "dog", "emu"))
    assert [found.item(i).stream().read() for i in range(20)] == BYTES + BYTES
    assert [found.item(i).label for i in (0, 4, 9, 12)] == [0, 1, -1, 2]
    assert [found.item(i).caption for i in (0, 9)] == ["a b", ""]
    assert found.item(11).name == "train-00001-of-00002.parquet/1.bin"
    assert len(container(tmp_path, "test", "image")) == 2


def test_plain_columns_and_labels_that_are_words(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", {"img": BYTES, "label": ["b", "a10", "a9", None, "b"] * 2})
    found = container(path, "train", "image")
    assert found.classes == ("a9", "a10", "b")
    assert [found.item(i).label for i in range(5)] == [2, 1, 0, -1, 2]
    assert found.item(7).stream().read() == BYTES[7]


def test_a_test_split_may_lack_the_labels_and_a_preview_may_lie_beside(tmp_path: Path) -> None:
    table(tmp_path / "data/train-0.parquet", {"image": BYTES, "label": [i % 2 for i in range(10)], "text": ["x"] * 10})
    table(tmp_path / "data/test-0.parquet", {"image": BYTES})
    (tmp_path / "preview.png").write_bytes(b"")
    train, test = container(tmp_path, "train", "image"), container(tmp_path, "test", "image")
    assert train.classes == test.classes == ("0", "1")
    assert [(c.item(3).label, c.item(3).caption, len(c)) for c in (train, test)] == [(1, "x", 10), (-1, "", 10)]


def test_a_row_may_name_a_file_beside_the_table(tmp_path: Path) -> None:
    rows = [{"bytes": None, "path": "0.png"}, {"bytes": None, "path": None}, {"bytes": b"in", "path": "0.png"}]
    path = table(tmp_path / "x.parquet", {"image": rows})
    (tmp_path / "y").mkdir()
    moved = path.rename(tmp_path / "y/x.parquet")
    (tmp_path / "y/0.png").write_bytes(b"beside")
    found = container(moved, "train", "image")
    assert [found.item(i).stream().read() for i in (0, 2)] == [b"beside", b"in"]
    with pytest.raises(BadFile, match="holds no bytes"):
        found.item(1).stream()


def test_a_table_beyond_memory_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "x.parquet", {"image": files(list(BYTES))})
    monkeypatch.setattr(parquet, "KEPT", 1)
    found = container(path, "train", "image")
    assert [found.item(i).stream().read() for i in (9, 0, 5, 9, 1)] == [BYTES[i] for i in (9, 0, 5, 9, 1)]
    assert len(found.kept) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        ({"audio": files([b""])}, {"audio": {"_type": "Audio"}}, r"audio, and none of image bytes: modality=audio\?$"),
        ({"clip": [b""]}, None, r"columns clip, and none of image bytes: modality=video\?$"),
        ({"label": [1]}, None, r"columns label, and none of image bytes$"),
        ({"image": files([])}, None, r"has no rows$|none of image bytes"),
        (
            {"image": files([b""]), "label": [3]},
            {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a"]}},
            r"has the label 3, beyond its 1 classes$",
        ),
    ],
)
def test_a_wrong_table_gets_one_clear_line(
    tmp_path: Path, columns: dict[str, Any], features: dict[str, Any] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        container(table(tmp_path / "x.parquet", columns, features), "train", "image")
    assert "\n" not in str(error.value)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", {"image": files(list(BYTES))})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"x\.parquet is not a readable Parquet file: ") as error:
        container(path, "train", "image")
    assert "\n" not in str(error.value)


def test_cifar10(shared_data: Callable[[str], Path]) -> None:
    from PIL import Image

    found = container(shared_data("cifar10"), "test", "image")
    assert len(found) == 10_000
    assert found.classes == ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    for i in (0, 4321, 9999):
        item = found.item(i)
        assert item.name.split("/")[2] == found.classes[item.label]  # the paths in the table carry the class
        assert Image.open(io.BytesIO(item.stream().read())).size == (32, 32)
