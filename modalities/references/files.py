"""A file as a reference: in the model's units, with what the file really has.

    reference = read(parse("clip.mp4"), media)         .x0 (C, *size), .length, .detail, .name

Whatever the modality's source reads is converted as in training: resized and cropped, resampled, cut at the end or
followed by silence. A picture given to a video model is a clip of one frame.
"""

import dataclasses
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
from modalities.references.value import Value


class Reference(NamedTuple):
    """One file as a reference."""

    x0: Tensor
    """(C, *size), of the model's event shape; a short clip ends in copies of its last frame, a sound in silence."""
    length: int
    """Frames or samples, at the model's rate, that the file has; at most those of an example; 0 for pictures."""
    detail: int
    """Pixels of its shorter side, or its rate in Hz; 0 where the source does not say."""
    name: str


def read(value: Value, media: Modality, *, whole: int = 0) -> Reference:
    """The reference that a user named. `whole`: a sound in its own length, rounded up to a multiple of that.

    Raises ValueError in one line for a path that is missing or holds another kind of media, a number beyond what it
    holds, and for a damaged file.
    """
    path = None if value.path is None else existing(value.path)
    source = held_out(path, media)
    index = value.index or 0
    if index >= len(source):
        raise ValueError(f"{path or 'the generator'} holds {len(source)} references: 0 to {len(source) - 1}")
    if not isinstance(source, Files):
        example = source.read(index, torch.Generator().manual_seed(0))
        return Reference(_encoded(example, media), 0, 0, example.name)
    item = source.container.item(index)
    try:
        return _read(item, source.decode, media, whole)
    except (BadFile, OSError) as error:
        raise ValueError(f"{item.name}: {error}") from None


def held_out(path: Path | None, media: Modality) -> Source:
    """The test split where files are divided, else all; pictures where a video model is given nothing else."""
    if media.name == "video" and path is not None and _pictures(path):
        own = behind(media)
        media = modalities.modality.load("image", size=_of(own, "size"), channels=_of(own, "channels"))
    try:
        return media.source(path, "test")
    except ValueError as error:
        if "split" not in str(error):
            raise
    return media.source(path, "train")


def _read(item: Item, decode: Any, media: Modality, whole: int) -> Reference:
    """An item from its beginning: a source of training would begin a long recording anywhere."""
    own = behind(media)
    kind = "image" if own.name == "video" and not hasattr(decode, "frames") else own.name
    detail, size = _facts(item, kind)
    length = 0
    if own.name == "video":
        length = min(_of(own, "frames"), max(1, -(-size // _of(own, "stride"))))
    if kind == "video":
        decode = dataclasses.replace(decode, frames=length)
    if own.name == "audio":
        length = round(size * _of(own, "sample_rate") / detail)
        if whole:
            media = own = with_options(own, samples=-(-length // whole) * whole)
            decode = dataclasses.replace(decode, samples=_of(own, "samples"))
        length = min(_of(own, "samples"), length)
    pixels, rate = decode(item, 0.0)
    return Reference(_encoded(Example(pixels, rate=rate), media), length, detail, item.name)


def behind(media: Modality) -> Modality:
    """The modality of pixels and samples behind one of latents; itself where it is that."""
    return getattr(media, "media", media)


def with_options(media: Modality, **options: Any) -> Modality:
    """The same modality with other options."""
    own = {f.name: getattr(media, f.name) for f in dataclasses.fields(media) if f.init}  # type: ignore[arg-type]
    return modalities.modality.load(media.name, **own | options)


def _encoded(example: Example, media: Modality) -> Tensor:
    """x0 (C, *size)."""
    own = behind(media)
    if own.name == "video":
        clip = example.media if example.media.ndim == 4 else example.media.movedim(0, -1)[None]  # (T, H, W, C)
        missing = max(0, _of(own, "frames") - len(clip))
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
