"""The same caption, wherever data sets put it: beside the file, in a table, in a Parquet column, in a tar shard."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from modalities.modality import load

CAPTION = "a small red circle, left of a blue square"
PNG = io.BytesIO()
Image.new("RGB", (8, 8), (255, 0, 0)).save(PNG, "png")


def text_beside(root: Path) -> None:
    (root / "0.txt").write_text(f" {CAPTION}\n")


def json_beside(root: Path) -> None:
    (root / "0.json").write_text(json.dumps({"text": CAPTION, "label": 3}))


def table(root: Path) -> None:
    (root / "metadata.csv").write_text(f'file_name,caption\n0.png,"{CAPTION}"\n')


def lines(root: Path) -> None:
    (root / "metadata.jsonl").write_text(json.dumps({"file_name": "0.png", "prompt": CAPTION}) + "\n")


def parquet(root: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    (root / "0.png").unlink()
    images = pyarrow.array([{"bytes": PNG.getvalue(), "path": None}])
    write_table(pyarrow.table({"image": images, "caption": [CAPTION]}), root / "train.parquet")


def shard(root: Path, ending: str, text: str) -> None:
    (root / "0.png").unlink()
    with tarfile.open(root / "train.tar", "w") as tar:
        for name, data in (("0.png", PNG.getvalue()), (f"0.{ending}", text.encode())):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def tar_text(root: Path) -> None:
    shard(root, "txt", CAPTION + "\n")


def tar_json(root: Path) -> None:
    shard(root, "json", json.dumps({"caption": CAPTION}))


@pytest.mark.parametrize("put", [text_beside, json_beside, table, lines, parquet, tar_text, tar_json])
def test_a_caption_is_read(put: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(PNG.getvalue())
    put(tmp_path)
    example = load("image", size=8).source(tmp_path, "train").read(0, torch.Generator())
    assert example.caption == CAPTION
    assert example.media.shape == (3, 8, 8)


def broken_json(root: Path) -> None:
    (root / "0.json").write_text('{"caption": "a')


def list_of_captions(root: Path) -> None:
    (root / "0.json").write_text(json.dumps({"caption": ["one", "two"]}))


def other_text(root: Path) -> None:
    (root / "1.txt").write_text("of another file")


@pytest.mark.parametrize("put", [broken_json, list_of_captions, other_text])
def test_what_is_no_caption_leaves_the_example_without_one(put: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(PNG.getvalue())
    put(tmp_path)
    assert load("image", size=8).source(tmp_path, "train").read(0, torch.Generator()).caption == ""


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(PNG.getvalue())
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "0.png", "text"')
    with pytest.raises(ValueError, match=r"metadata\.jsonl is not a readable table") as error:
        load("image", size=8).source(tmp_path, "train")
    assert "\n" not in str(error.value)


def test_sprites(shared_data: Callable[[str], Path]) -> None:
    """GIFs of 8 frames whose captions say what their attributes say; no combination of these is in both splits."""
    media, found = load("video", size=64, frames=8), {}
    parts = ("body", "hair", "topwear", "bottomwear", "shoes")
    for split, count in (("train", 1800), ("test", 240)):
        source = media.source(shared_data("sprites"), split)
        assert len(source) == count
        example = source.read(5, torch.Generator())
        assert example.media.shape == (8, 64, 64, 3)
        assert {"walk": "walking", "slash": "slashing", "spellcast": "casting a spell"}[
            str(example.values["action"])
        ] in example.caption
        fields = [source.field(name) for name in parts]  # type: ignore[attr-defined]
        found[split] = set(zip(*fields, strict=True))
    assert not found["train"] & found["test"]
