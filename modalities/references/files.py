"""A file, or a folder of them, as references: in the model's units, with what each file really has.

    for reference in read(path, media): reference.x0 (C, *size), .length, .detail, .name

Whatever the modality's source reads is converted as in training: resized and cropped, resampled, cut at the end or
followed by silence. A picture given to a video model is a clip of one frame.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import modalities.modality
from modalities.data.batch import Batch
from modalities.data.example import BadFile, Example, Source
from modalities.data.files import Files
from modalities.data.folder import walk
from modalities.data.item import Item
from modalities.data.kinds import SUFFIXES, suffix
from modalities.data.recognise import existing
from modalities.modality import Modality


class Reference(NamedTuple):
    """One file as a reference."""

    x0: Tensor
    """(C, *size), of the model's event shape; a short clip ends in copies of its last frame, a sound in silence."""
    length: int
    """Frames or samples (at the model's rate) that the file has, at most those of x0; 0 where that means nothing."""
    detail: int
    """Pixels of its shorter side, or its rate in Hz; 0 where the source does not say."""
    name: str


def read(path: Path | str, media: Modality) -> Iterator[Reference]:
    """The references under `path`, in their natural order.

    Raises ValueError in one line for a path that is missing or holds another kind of media, and for a damaged file.
    """
    path = existing(path)
    source = held_out(path, media)
    for i in range(len(source)):
        yield _read(source, i, path, media)


def held_out(path: Path, media: Modality) -> Source:
    """The test split where files are divided, else all; pictures where a video model is given nothing else."""
    if media.name == "video" and _pictures(path):
        media = modalities.modality.load("image", size=_of(media, "size"), channels=_of(media, "channels"))
    try:
        return media.source(path, "test")
    except ValueError as error:
        if "split" not in str(error):
            raise
    return media.source(path, "train")


def _read(source: Source, index: int, path: Path, media: Modality) -> Reference:
    """Example `index` from its beginning: a source of training would begin a long recording anywhere."""
    if not isinstance(source, Files):
        example = source.read(index, torch.Generator().manual_seed(0))
        return Reference(_encoded(example, media), 0, 0, example.name)
    item, decode, length = source.container.item(index), source.decode, 0
    try:
        detail, whole = _facts(item, "image" if not hasattr(decode, "frames") and media.name == "video" else media.name)
        if media.name == "video":
            length = min(_of(media, "frames"), max(1, -(-whole // _of(media, "stride"))))
        if media.name == "audio":
            length = min(_of(media, "samples"), round(whole * _of(media, "sample_rate") / detail))
        if hasattr(decode, "frames"):
            decode = dataclasses.replace(decode, frames=length)  # type: ignore[type-var]
        pixels, rate = decode(item, 0.0)
    except (BadFile, OSError) as error:
        raise ValueError(f"{path}: {item.name}: {error}") from None
    return Reference(_encoded(Example(pixels, rate=rate), media), length, detail, item.name)


def _encoded(example: Example, media: Modality) -> Tensor:
    """x0 (C, *size)."""
    if media.name == "video":
        clip = example.media if example.media.ndim == 4 else example.media.movedim(0, -1)[None]  # (T, H, W, C)
        missing = max(0, _of(media, "frames") - len(clip))
        example = example._replace(media=torch.cat([clip, clip[-1:].expand(missing, -1, -1, -1)]))
    return media.encode(media.prepare(Batch.of([example]), None))[0]


def _facts(item: Item, kind: str) -> tuple[int, int]:
    """(shorter side, frames) of a picture or clip, (rate, samples) of a sound: what the file itself has."""
    try:
        with item.stream() as file:
            if kind == "audio":
                import soundfile

                with soundfile.SoundFile(item.path or file) as sound:
                    return int(sound.samplerate), int(sound.frames)
            if kind == "image":
                from PIL import Image

                with Image.open(file) as image:
                    return min(image.size), 1
            from modalities.video.decode import opened

            with opened(item.path or file) as (box, stream):
                return min(stream.width, stream.height), sum(1 for _ in box.decode(stream))
    except BadFile:
        raise
    except (RuntimeError, ValueError, OSError) as error:  # what libsndfile, FFmpeg and Pillow raise
        raise BadFile(f"it cannot be read: {' '.join(str(error).split())}") from None


def _pictures(path: Path) -> bool:
    """Whether there are pictures and no clips. A GIF counts as a clip."""
    names = [path.name] if path.is_file() else list(walk(str(path)))
    endings = {suffix(name) for name in names}
    return bool(endings & (SUFFIXES["image"] - {".gif"})) and not endings & SUFFIXES["video"]


def _of(media: Modality, option: str) -> Any:
    return getattr(media, option)
