"""Recognise how data lies under a path: Parquet tables, tar shards, one file, or a folder of files."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from modalities.data.folder import Folder, walk
from modalities.data.item import Container
from modalities.data.kinds import SUFFIXES, none_of_kind, suffix
from modalities.data.parquet import Parquet
from modalities.data.splits import group_files
from modalities.data.strings import natural
from modalities.data.tar import Tar

IDX = ("-ubyte", "-ubyte.gz")
PACKED = (".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2")
SHARDS: dict[str, Callable[[dict[str, list[Path]], str, str, Path], Container]] = {".parquet": Parquet, ".tar": Tar}


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
    media = sum(suffix(name) in SUFFIXES[kind] for name in names)
    for ending, make in SHARDS.items():
        found = sorted((name for name in names if suffix(name) == ending), key=natural)
        if len(found) > media:  # a preview beside tables, a table or archive beside a folder
            root = path.parent if path.is_file() else path
            return make(group_files([root / name for name in found], root), split, kind, path)
    if not media:
        raise unreadable(path, kind, names)
    return Folder(path, split, kind, names)


def unreadable(path: Path, kind: str, names: Sequence[str]) -> ValueError:
    """What to say of a path that holds neither files of `kind` nor shards."""
    packed = next((name for name in names if name.endswith(PACKED)), "")
    if packed:
        where = path.parent / packed if path.is_file() else path / packed
        return ValueError(f"{where} is a compressed tar file, in which nothing can be sought; unpack it")
    if any(name.endswith(IDX) for name in names) and kind != "image":
        return ValueError(f"{path} holds idx files of MNIST's layout and not {kind}: modality=image?")
    return none_of_kind(path, kind, names)
