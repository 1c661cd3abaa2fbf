"""Folders of files: classes, splits, captions, tables, and what is said of a wrong folder."""

import pickle
from pathlib import Path

import pytest

from modalities.data.folder import Folder
from modalities.data.item import Container
from modalities.data.recognise import container


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def listed(found: Container) -> dict[str, str]:
    """Name -> class of every item."""
    items = [found.item(i) for i in range(len(found))]
    return {item.name: found.classes[item.label] if item.label >= 0 else "" for item in items}


def test_class_is_the_folder_and_classes_are_in_natural_order(tmp_path: Path) -> None:
    fill(tmp_path, "10/a.png", "9/b.PNG", "9/c10.jpg", "9/c9.jpg", "d.png", "9/notes.md", ".git/x.png", "9/.y.png")
    found = container(tmp_path, "train", "image")
    assert found.classes == ("9", "10")
    assert listed(found) == {"9/b.PNG": "9", "9/c9.jpg": "9", "9/c10.jpg": "9", "10/a.png": "10", "d.png": ""}
    assert [found.item(i).name for i in range(5)] == ["9/b.PNG", "9/c9.jpg", "9/c10.jpg", "10/a.png", "d.png"]
    item = pickle.loads(pickle.dumps(found)).item(0)
    assert Path(item.path).read_bytes() == item.stream().read() == b"9/b.PNG"


def test_class_is_the_immediate_parent_however_deep(tmp_path: Path) -> None:
    fill(tmp_path, "clips/3/0.mp4", "clips/7/1.mp4", "clips/3/2.mp4")
    assert container(tmp_path, "train", "video").classes == ("3", "7")


@pytest.mark.parametrize("names", [("a.png", "b.png"), ("all/a.png", "all/b.png"), ("train/a.png", "test/b.png")])
def test_one_folder_for_everything_is_no_class(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert container(fill(tmp_path, *names), "train", "image").classes == ()


def test_split_folders_are_no_classes_and_share_them(tmp_path: Path) -> None:
    fill(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/emu/4.png", "extra/cat/5.png")
    train, test = container(tmp_path, "train", "image"), container(tmp_path, "test", "image")
    assert train.classes == test.classes == ("cat", "dog", "emu")
    assert listed(train) == {"train/cat/1.png": "cat", "train/dog/2.png": "dog"}
    assert listed(test) == {"val/cat/3.png": "cat", "val/emu/4.png": "emu"}


def test_splits_below_a_lone_folder(tmp_path: Path) -> None:
    fill(tmp_path, "data/train/cat/1.png", "data/train/dog/2.png", "data/test/cat/3.png")
    assert len(container(tmp_path, "train", "image")) == 2
    assert container(tmp_path, "test", "image").classes == ("cat", "dog")


def test_a_class_called_train_is_a_class_and_not_a_split(tmp_path: Path) -> None:
    fill(tmp_path, "car/1.png", "train/2.png", "train station/3.png")
    assert container(tmp_path, "train", "image").classes == ("car", "train", "train station")


def test_a_split_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path, "cat/1.png", "dog/2.png")
    with pytest.raises(ValueError, match=r"has no test split; it has train$"):
        container(tmp_path, "test", "image")
    with pytest.raises(ValueError, match=r"has no train split; it has test$"):
        container(fill(tmp_path / "b", "test/cat/1.png"), "train", "image")


def test_captions_lie_beside_the_file(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "a/2.v2.png")
    (tmp_path / "a/1.txt").write_text("a red\n circle ")
    (tmp_path / "a/2.v2.txt").write_text("two")
    found = container(tmp_path, "train", "image")
    assert [found.item(i).caption for i in range(2)] == ["a red circle", "two"]
    (tmp_path / "a/2.v2.txt").unlink()
    assert found.item(1).caption == ""


def test_a_table_gives_labels_and_captions(tmp_path: Path) -> None:
    fill(tmp_path, "clips/00.mp4", "clips/01.mp4", "clips/02.mp4")
    (tmp_path / "labels.csv").write_text("file_name,label,text\nclips/00.mp4,10_2,one\nclips/01.mp4,2_10,\n")
    found = container(tmp_path, "train", "video")
    assert found.classes == ("2_10", "10_2")
    assert listed(found) == {"clips/00.mp4": "10_2", "clips/01.mp4": "2_10", "clips/02.mp4": ""}
    assert [found.item(i).caption for i in range(3)] == ["one", "", ""]


def test_a_table_of_json_lines_beside_the_files(tmp_path: Path) -> None:
    fill(tmp_path, "train/00.png", "train/01.png")
    (tmp_path / "train/metadata.jsonl").write_text(
        '{"file_name": "00.png", "text": "a  cat"}\n{"file_name": "01.png", "text": "a dog"}\n'
    )
    found = container(tmp_path, "train", "image")
    assert [found.item(i).caption for i in range(2)] == ["a cat", "a dog"]
    (tmp_path / "train/metadata.jsonl").write_text("{broken")
    with pytest.raises(ValueError, match=r"metadata\.jsonl is not a readable table"):
        container(tmp_path, "train", "image")


def test_links_are_followed_once(tmp_path: Path) -> None:
    fill(tmp_path / "real", "cat/1.png", "dog/2.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/linked").symlink_to(tmp_path / "real")
    (tmp_path / "real/cat/loop").symlink_to(tmp_path / "data")
    assert len(container(tmp_path / "data", "train", "image")) == 2


def test_an_archive_or_table_beside_the_files_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/2.png", "all.tar", "metadata.parquet")
    assert container(tmp_path, "train", "image").classes == ("a", "b")


def test_a_single_file(tmp_path: Path) -> None:
    fill(tmp_path, "speech/long.wav", "speech/other.wav")
    found = container(tmp_path / "speech/long.wav", "train", "audio")
    assert listed(found) == {"long.wav": ""}


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        ((), "image", r"\S+/x is empty: it should hold image files$"),
        (
            tuple(f"{i}.wav" for i in range(12)) + ("note.txt",),
            "image",
            r"\S+/x holds 12 \.wav files and not an image: modality=audio\?$",
        ),
        (("a.mp4",), "audio", r"\S+/x holds 1 \.mp4 file and not an audio file: modality=video\?$"),
        (("a.gif",), "audio", r"\S+/x holds 1 \.gif file and .*: modality=image or modality=video\?$"),
        (("a.pdf", "b.pdf", "c"), "video", r"\S+/x holds 2 \.pdf files and not a video \(mp4, webm, gif, … or "),
        (
            ("a-images-idx3-ubyte",),
            "audio",
            r"\S+/x holds idx files of MNIST's layout and not audio: modality=image\?$",
        ),
        (
            ("a.tar.gz",),
            "image",
            r"\S+/a\.tar\.gz is a compressed tar file, in which nothing can be sought; unpack it$",
        ),
    ],
)
def test_the_wrong_folder_gets_one_clear_line(tmp_path: Path, names: tuple[str, ...], kind: str, message: str) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match=message) as error:
        container(fill(tmp_path / "x", *names), "train", kind)
    assert "\n" not in str(error.value)


def test_a_missing_folder_gets_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "flowers").mkdir()
    with pytest.raises(ValueError, match=r"^there is no file or folder \S+/flower; did you mean \S+/flowers\?$"):
        container(tmp_path / "flower", "train", "image")
    with pytest.raises(ValueError, match=r"^there is no file or folder /no/such/place$"):
        container("/no/such/place", "train", "image")


def test_many_files_take_little_memory(tmp_path: Path) -> None:
    fill(tmp_path, "a/0.png", "b/1.png")
    names = [f"class{i % 7}/picture_{i:06d}.png" for i in range(50_000)]
    folder = Folder(tmp_path, "train", "image", names)
    assert len(folder) == 50_000
    assert len(pickle.dumps(folder)) < 50_000 * 48  # name 26 bytes, its end 8, label 4
