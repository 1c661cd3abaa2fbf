"""Sounds from files: whatever libsndfile reads, as int16 (C, T) at the file's rate.

root/class/name.wav   train-*.parquet   *-train-*.tar   one long recording   None: embedded tones or melodies
"""

from pathlib import Path
from typing import Any

from modalities.audio.compositions import Compositions
from modalities.audio.decode import AudioDecoder
from modalities.audio.synthetic import Synthetic
from modalities.data.example import Source
from modalities.data.files import Files
from modalities.data.recognise import container
from modalities.data.splits import embedded as embedded_split


def source(
    path: Path | str | None,
    split: str = "train",
    *,
    samples: int = 8192,
    sample_rate: int = 8000,
    channels: int = 1,
    embedded: str = "simple",
) -> Source:
    """The sounds of `split` under `path`, whichever way they lie there; None is the generator called `embedded`.

    Each read gives what `samples` at `sample_rate` take, at the file's own rate. Raises ValueError in one line for a
    path that is missing, empty or of another modality, and for an unknown split.
    """
    if samples < 1 or sample_rate < 1 or channels < 1:
        raise ValueError(f"samples={samples}, sample_rate={sample_rate}, channels={channels}: each must be at least 1")
    if path is None:
        length, seed = embedded_split(split)
        form: dict[str, Any] = {
            "samples": samples,
            "sample_rate": sample_rate,
            "channels": channels,
            "length": length,
            "seed": seed,
        }
        return Compositions(**form, held_out=split == "test") if embedded == "composed" else Synthetic(**form)
    return Files(container(path, split, "audio"), AudioDecoder(samples, sample_rate, channels))
