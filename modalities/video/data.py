"""Clips from files: any format that FFmpeg reads through PyAV, as uint8 (T, size, size, C).

root/class/name.mp4   train-*.parquet   *-train-*.tar (animated GIFs too)   one long film   None: embedded shapes
"""

from pathlib import Path
from typing import Any

from modalities.data.example import Source
from modalities.data.files import Files
from modalities.data.recognise import container
from modalities.data.splits import embedded as embedded_split
from modalities.video.compositions import Compositions
from modalities.video.decode import VideoDecoder
from modalities.video.synthetic import Synthetic


def source(
    path: Path | str | None,
    split: str = "train",
    *,
    size: int = 32,
    frames: int = 16,
    channels: int = 3,
    stride: int = 1,
    embedded: str = "simple",
) -> Source:
    """The clips of `split` under `path`, whichever way they lie there; None is the generator called `embedded`.

    A clip is `frames` frames, `stride` source frames apart, from a random place; the embedded shapes move as far in any
    number of frames, so for them `stride` changes nothing. Raises ValueError in one line for a path that is missing,
    empty or of another modality, and for an unknown split.
    """
    if channels not in (1, 3) or min(size, frames, stride) < 1:
        raise ValueError(
            f"size={size}, frames={frames}, stride={stride}, channels={channels}: "
            "each must be at least 1, and channels 1 or 3"
        )
    if path is None:
        length, seed = embedded_split(split)
        form: dict[str, Any] = {"size": size, "frames": frames, "channels": channels, "length": length, "seed": seed}
        return Compositions(**form, held_out=split == "test") if embedded == "composed" else Synthetic(**form)
    return Files(container(path, split, "video"), VideoDecoder(size, frames, channels, stride))
