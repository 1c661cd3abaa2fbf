"""Tar shards in the WebDataset convention."""

import io
import json
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modalities.data import item as item_module
from modalities.data.example import BadFile
from modalities.data.recognise import container


def shard(path: Path, members: dict[str, bytes | str | dict[str, object]], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, value in members.items():
            data = json.dumps(value) if isinstance(value, dict) else value
            raw = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return path


def test_members_with_one_stem_are_one_example(tmp_path: Path) -> None:
    shard(
        tmp_path / "x-train-0.tar",
        {
            "d/a.png": b"A",
            "d/a.json": {"label": 1, "caption": " first  one "},
            "d/b.cls": "2",
            "d/b.left.PNG": b"BB",
            "d/b.txt": "second\none",
            "e/b.png": b"C",
            "e/c.json": {"label": 0},
        },
    )
    shard(tmp_path / "x-train-1.tar", {"long/" + "n" * 150 + "/d.png": b"D", "z.json": "not json", "z.png": b"Z"})
    shard(tmp_path / "x-test-0.tar", {"t.png": b"T", "t.cls": "4"})
    found = container(tmp_path, "train", "image")
    assert found.classes == ("0", "1", "2", "3", "4")  # the test split's label counts as well
    items = [found.item(i) for i in range(len(found))]
    assert [(i.stream().read(), i.label, i.caption) for i in items] == [
        (b"A", 1, "first one"),
        (b"BB", 2, "second one"),
        (b"C", -1, ""),
        (b"D", -1, ""),
        (b"Z", -1, ""),
    ]
    assert items[0].name == "x-train-0.tar/d/a.png"
    test = pickle.loads(pickle.dumps(container(tmp_path, "test", "image")))
    assert [(test.item(0).stream().read(), test.item(0).label)] == [(b"T", 4)]
    assert len(container(tmp_path / "x-train-1.tar", "train", "image")) == 2


def test_labels_that_are_words_are_class_names(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", {"1.jpg": b"", "1.cls": "dog", "2.jpg": b"", "2.cls": "cat", "3.jpg": b""})
    found = container(tmp_path, "train", "image")
    assert found.classes == ("cat", "dog")
    assert [found.item(i).label for i in range(3)] == [1, 0, -1]


def test_a_long_member_is_read_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 4000
    path = shard(tmp_path / "a.tar", {"0.wav": b"x" * 1000, "1.wav": data})
    monkeypatch.setattr(item_module, "WHOLE", 100)
    read = []
    into = item_module.Window.readinto
    monkeypatch.setattr(
        item_module.Window, "readinto", lambda self, buffer: read.append(into(self, buffer)) or read[-1]
    )
    stream = container(path, "train", "audio").item(1).stream()
    assert stream.read(4) == data[:4]
    stream.seek(-500, os.SEEK_END)
    assert stream.tell() == len(data) - 500
    assert stream.read() == data[-500:]
    stream.seek(300_000)
    assert stream.read(10) == data[300_000:300_010]
    assert sum(read) < 3 * (1 << 16) + 500


def test_a_truncated_shard_is_an_error_because_most_of_it_may_be_gone(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"0.png": b"a" * 2000, "1.png": b"b" * 2000})
    found = container(path, "train", "image")
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"a\.tar is not a whole, uncompressed tar file: unexpected end of data$"):
        container(path, "train", "image")
    assert found.item(0).stream().read() == b"a" * 2000  # cut while it was in use
    with pytest.raises(BadFile, match="truncated"):
        found.item(1).stream()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_opens_its_own_handle(tmp_path: Path) -> None:
    found = container(shard(tmp_path / "a.tar", {"0.png": b"a" * 9000, "1.png": b"b" * 9000}), "train", "image")
    ours = found.handles("".join(found.shards))  # type: ignore[attr-defined]
    found.item(0).stream()
    position = ours.tell()
    pid = os.fork()
    if pid == 0:
        good = found.item(1).stream().read() == b"b" * 9000
        os._exit(0 if good else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert ours.tell() == position  # a shared file description would have moved


@pytest.mark.parametrize(
    ("members", "mode", "message"),
    [
        ({"a.flac": b"", "b.flac": b""}, "w", r"holds 2 \.flac files and not an image: modality=audio\?$"),
        ({}, "w", r"a\.tar is empty: it should hold image files$"),
        ({"a.png": b"x" * 5000}, "w:gz", r"a\.tar is not a whole, uncompressed tar file: "),
    ],
)
def test_a_wrong_shard_gets_one_clear_line(
    tmp_path: Path, members: dict[str, bytes | str | dict[str, object]], mode: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        container(shard(tmp_path / "a.tar", members, mode), "train", "image")


def test_spoken_digits(shared_data: Callable[[str], Path]) -> None:
    found = container(shared_data("fsdd"), "test", "audio")
    assert (len(found), found.classes) == (300, tuple("0123456789"))
    for i in (0, 137, 299):
        item = found.item(i)
        assert item.label == int(item.name.split("/")[1][0])  # the recordings' names begin with the digit
        assert item.stream().read(4) == b"fLaC"
    assert len(container(shared_data("fsdd"), "train", "audio")) == 2700
