"""Files that are either whole or absent.

A writer makes the file under a temporary name in the same folder, then renames it: that is atomic within one
file system, so a reader, a kill or a full disk never meets half a file. The temporary name keeps the suffix, since
encoders choose their format by it, and starts with a dot, so that no pattern like `*.png` finds it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path; move it to `path` on success, remove it on any error. Makes the folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(data: bytes, path: Path) -> None:
    """Write a file whose whole content is in memory; raises OSError, with nothing left behind, on a full disk."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)
