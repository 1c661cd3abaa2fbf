"""Files are whole or absent, whatever happens while they are made."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from modalities.modality import load, names
from modalities.writing import atomic, write_bytes

NOISE = {
    "image": torch.randint(0, 256, (3, 128, 128), dtype=torch.uint8),
    "audio": torch.randint(-3000, 3000, (1, 40000), dtype=torch.int16),
    "video": torch.randint(0, 256, (8, 128, 128, 3), dtype=torch.uint8),
}


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow above `size` bytes: as on a full disk, but for the errno."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_bytes_arrive_and_folders_are_made(tmp_path: Path) -> None:
    write_bytes(b"whole", tmp_path / "new" / "file.bin")
    assert (tmp_path / "new" / "file.bin").read_bytes() == b"whole"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["file.bin"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.png"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic(path) as temporary:
            temporary.write_bytes(b"half of the n")
            assert temporary.suffix == ".png"
            assert path.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.png"]


@pytest.mark.parametrize("name", names())
def test_a_full_disk_is_an_oserror_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    modality = load(name)
    with disk_of(4000), pytest.raises(OSError) as error:
        modality.write(NOISE[name], tmp_path / f"x{modality.suffix}")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
    modality.write(NOISE[name], tmp_path / f"x{modality.suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"x{modality.suffix}"]
