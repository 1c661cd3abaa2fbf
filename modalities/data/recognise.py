"""Recognise how data lies under a path: Parquet tables, tar shards, one file, or a folder of files."""

import difflib
from pathlib import Path

from modalities.data.folder import Folder, walk
from modalities.data.item import Container
from modalities.data.kinds import SUFFIXES, none_of_kind, suffix
from modalities.data.parquet import Parquet
from modalities.data.splits import group_files
from modalities.data.strings import natural
from modalities.data.tar import Tar

IDX = ("-ubyte", "-ubyte.gz")


def existing(path: Path | str) -> Path:
    """`path` as a Path. Raises ValueError where nothing is there, with the nearest name that is."""
    path = Path(path).expanduser()
    if path.exists():
        return path
    parent = path.parent
    beside = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    hint = f"; did you mean {parent / near[0]}?" if near else ""
    raise ValueError(f"there is no file or folder {path}{hint}")


def container(path: Path | str, split: str, kind: str) -> Container:
    """The items of `kind` (image, audio, video) under `path` that belong to `split` (train, val, test).

    Raises ValueError in one line for a path that is missing, empty, or holds something else.
    """
    path = existing(path)
    names = [path.name] if path.is_file() else list(walk(str(path)))
    if not any(suffix(name) in SUFFIXES[kind] for name in names):
        root = path.parent if path.is_file() else path
        for ending, make in ((".parquet", Parquet), (".tar", Tar)):
            found = sorted((name for name in names if suffix(name) == ending), key=natural)
            if found:
                shards = [path] if path.is_file() else [root / name for name in found]
                return make(group_files(shards, root), split, kind, path)
        packed = next((name for name in names if name.endswith((".tar.gz", ".tgz", ".tar.zst", ".tar.xz"))), "")
        if packed:
            raise ValueError(f"{root / packed} is a compressed tar file, in which nothing can be sought; unpack it")
        if any(name.endswith(IDX) for name in names) and kind != "image":
            raise ValueError(f"{path} holds idx files of MNIST's layout and not {kind}: modality=image?")
        raise none_of_kind(path, kind, names)
    return Folder(path, split, kind, names)
