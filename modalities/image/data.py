"""Images from files: any format that Pillow reads, as uint8 (C, size, size).

root/class/name.png   MNIST's idx files   train-*.parquet   *-train-*.tar   one file   None: embedded shapes or scenes
"""

from pathlib import Path

from modalities.data.example import Source
from modalities.data.files import Files
from modalities.data.recognise import container, existing
from modalities.data.splits import embedded as embedded_split
from modalities.image.compositions import Compositions
from modalities.image.decode import ImageDecoder
from modalities.image.idx import Idx, find_idx
from modalities.image.synthetic import Synthetic


def source(
    path: Path | str | None, split: str = "train", *, size: int = 32, channels: int = 3, embedded: str = "simple"
) -> Source:
    """The images of `split` under `path`, whichever way they lie there; None is the generator called `embedded`.

    Raises ValueError in one line for a path that is missing, empty or of another modality, and for an unknown split.
    """
    if channels not in (1, 3) or size < 1:
        raise ValueError(f"size={size}, channels={channels}: images have a size >= 1 and 1 or 3 channels")
    if path is None:
        length, seed = embedded_split(split)
        if embedded == "composed":
            return Compositions(size=size, channels=channels, length=length, seed=seed, held_out=split == "test")
        return Synthetic(size=size, channels=channels, length=length, seed=seed)
    if files := find_idx(existing(path), split):
        return Idx(*files, size=size, channels=channels)
    return Files(container(path, split, "image"), ImageDecoder(size, channels))
