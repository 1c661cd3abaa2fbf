"""MNIST's idx files: one block of all images and one of all labels, as written by its authors.

    >HBB: 0, type (8 = unsigned byte), number of axes; >I per axis; then the values in C order

`train-images-idx3-ubyte` with `train-labels-idx1-ubyte`, `t10k-…` for the test split, plain or gzipped, in the folder
itself, or in `MNIST/raw` or `raw` below it (where torchvision puts them).
"""

import gzip
import math
import struct
from pathlib import Path

import torch
from torch import Tensor

from modalities.data.example import Example
from modalities.data.splits import choose
from modalities.image.decode import cover, to_tensor

PREFIX = {"train": "train", "test": "t10k"}


def find_idx(path: Path, split: str) -> tuple[Path, Path] | None:
    """The files of images and labels for `split` under `path` (or beside it, if it is one of them), if there are any.

    Raises ValueError where there are idx files, but not of this split, or images without labels.
    """
    below = [path.parent] if path.is_file() else [path / "MNIST" / "raw", path / "raw", path]
    if path.is_file() and "-idx" not in path.name:
        return None
    for folder in below:
        parts = {}
        for part, prefix in PREFIX.items():
            images, labels = (_either(folder / f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
            if images and not labels:
                raise ValueError(f"{images} has no {prefix}-labels-idx1-ubyte beside it")
            if images and labels:
                parts[part] = (images, labels)
        if parts:
            return choose(parts, split, path)
    return None


def _either(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


def read_idx(path: Path) -> Tensor:
    """The uint8 tensor in an idx file; a plain one is mapped, not read. Raises ValueError where it is damaged."""
    size = path.stat().st_size
    if path.suffix == ".gz":
        try:
            data = torch.frombuffer(bytearray(gzip.decompress(path.read_bytes())), dtype=torch.uint8)
        except (OSError, EOFError) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error
    else:
        data = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8) if size else torch.empty(0)
    head = bytes(data[:4].tolist())
    if len(head) < 4 or head[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an idx file of unsigned bytes")
    axes = head[3]
    shape = struct.unpack(f">{axes}I", bytes(data[4 : 4 + 4 * axes].tolist()))
    start = 4 + 4 * axes
    if len(data) - start < math.prod(shape):
        raise ValueError(f"{path} is truncated: it promises {math.prod(shape)} values and holds {len(data) - start}")
    return data[start : start + math.prod(shape)].view(shape)


class Idx:
    """A `Source` of uint8 (channels, size, size), resampled where the files have another size."""

    def __init__(self, images: Path, labels: Path, *, size: int, channels: int) -> None:
        self.paths, self.size, self.channels = (images, labels), size, channels
        self.images, self.labels = read_idx(images), read_idx(labels)
        if len(self.images) != len(self.labels):
            raise ValueError(f"{images} holds {len(self.images)} images and {labels.name} {len(self.labels)} labels")
        if self.images.ndim != 3 or not len(self.images):
            raise ValueError(f"{images} holds no images: its shape is {tuple(self.images.shape)}")
        self.classes = tuple(str(i) for i in range(int(self.labels.max()) + 1))

    def __reduce__(self) -> tuple[object, ...]:
        return _open, (*self.paths, self.size, self.channels)  # a spawned process maps the files itself

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int, generator: torch.Generator | None = None) -> Example:
        """Image `index`; nothing about it is random, so `generator` is not used."""
        image = self.images[index]
        if image.shape == (self.size, self.size):
            media = image.unsqueeze(0).repeat(self.channels, 1, 1)
        else:
            from PIL import Image

            media = to_tensor(cover(Image.fromarray(image.numpy()), self.size)).repeat(self.channels, 1, 1)
        return Example(media, int(self.labels[index]), name=f"{self.paths[0].name}/{index}")


def _open(images: Path, labels: Path, size: int, channels: int) -> Idx:
    return Idx(images, labels, size=size, channels=channels)
