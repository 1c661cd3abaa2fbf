"""Small text files that are whole or absent."""

import os
from pathlib import Path


def whole_file(path: Path, text: str) -> None:
    """Write `text` under a temporary name, have it on the disk, then rename: a kill leaves what was there before."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
