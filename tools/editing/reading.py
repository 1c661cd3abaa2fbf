"""The file that is edited: read as any modality asks for it, and what of it had to be converted."""

import dataclasses
import math
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from modalities.data.batch import Batch
from modalities.data.example import Example
from modalities.data.files import Files
from modalities.data.recognise import existing
from modalities.modality import Modality


class Input:
    """One file. `start` in seconds (audio) or frames (video) is where reading begins."""

    def __init__(self, path: str, media: Modality, *, start: float = 0.0, key: str = "input") -> None:
        """Raises ValueError where there is no such file, or it is of another kind."""
        self.path, self.media, self.start = existing(path), media, start
        if not self.path.is_file():
            raise ValueError(f"{key}={path} is a folder: give one file")
        if start and media.name == "image":
            raise ValueError(f"start={start:g} is of no use for an image")
        if not start >= 0:
            raise ValueError(f"start must not be negative, got {start:g}")

    def read(self, media: Modality) -> Tensor:
        """The file as `media` stores it, a batch of one. Its loudness stays as it is.

        Raises ValueError where the file cannot be read, or is too short for its start.
        """
        if getattr(media, "loudness", "as_is") != "as_is":
            media = dataclasses.replace(media, loudness="as_is")  # type: ignore[type-var]
        source = media.source(self.path, "train")
        if not isinstance(source, Files) or len(source) != 1:
            raise ValueError(f"{self.path} holds many examples: give a file that is one")
        item = source.container.item(0)
        try:
            stored, rate = source.decode(item, self._where(media))
        except (ValueError, OSError) as error:
            raise ValueError(f"{self.path}: {error}") from None
        return media.prepare(Batch.of([Example(stored, rate=rate)]), None)

    def _where(self, media: Any) -> float:
        """The share of the possible places at which `start` lies, a little more so that rounding does not go below."""
        if not self.start:
            return 0.0
        facts = self.facts
        if media.name == "audio":
            need = -(-media.samples * facts["rate"] // media.sample_rate)
            places, at = facts["samples"] - need + 1, round(self.start * facts["rate"])
        else:
            places, at = facts["frames"] - (media.frames - 1) * media.stride, round(self.start)
        if at >= places:
            raise ValueError(f"start={self.start:g} leaves too little of {self.path}: {facts['words']}")
        return (at + 0.5) / places

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Size, or rate and length, and the same in `words`."""
        return {"image": _image, "audio": _audio, "video": _video}[self.media.name](self.path)

    @property
    def length(self) -> float:
        """Samples at the model's rate, or frames at its stride, from `start` on."""
        media: Any = self.media
        if media.name == "audio":
            return math.floor((self.facts["samples"] / self.facts["rate"] - self.start) * media.sample_rate)
        return (self.facts["frames"] - round(self.start) - 1) // media.stride + 1

    def converted(self, media: Any) -> str:
        """What reading as `media` changes, in words; empty where it changes nothing."""
        facts = self.facts
        if media.name == "audio":
            said = [f"resampled to {media.sample_rate} Hz"] if facts["rate"] != media.sample_rate else []
            have = facts["samples"] / facts["rate"] - self.start
            want = media.samples / media.sample_rate
            said += [f"cut to {want:g} s"] if have > want + 1e-6 else []
            said += [f"followed by silence to {want:g} s"] if have < want - 1e-6 else []
            said += [f"{media.channels} channels made of it"] if facts["channels"] != media.channels else []
        else:
            same = (facts["height"], facts["width"]) == (media.size, media.size)
            said = [] if same else [f"cropped and resized to {media.size}x{media.size}"]
            more = facts.get("frames", 0) - round(self.start) > media.frames if media.name == "video" else False
            said += [f"cut to {media.frames} frames"] if more else []
        return f"{self.path}: {facts['words']}; {', '.join(said)}" if said else ""


def _image(path: Path) -> dict[str, Any]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5
            width, height = reversed(image.size) if turned else image.size
    except Exception as error:
        raise ValueError(f"{path}: not an image that Pillow knows") from error
    return {"height": height, "width": width, "words": f"{width}x{height} pixels"}


def _audio(path: Path) -> dict[str, Any]:
    import soundfile

    try:
        found = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path}: libsndfile cannot read it: {error.error_string.rstrip('.')}") from None
    words = f"{found.frames / found.samplerate:.3g} s of {found.channels} channel(s) at {found.samplerate} Hz"
    return {"rate": found.samplerate, "samples": found.frames, "channels": found.channels, "words": words}


def _video(path: Path) -> dict[str, Any]:
    import av

    from modalities.video.decode import estimated_frames, opened

    try:
        with opened(str(path)) as (box, stream):
            height, width = stream.height, stream.width
            frames = estimated_frames(box, stream) or sum(1 for _ in box.decode(stream))
    except av.FFmpegError as error:
        raise ValueError(f"{path}: FFmpeg cannot read it: {error.strerror}") from None
    words = f"{frames} frames of {width}x{height} pixels"
    return {"height": height, "width": width, "frames": frames, "words": words}


def gain_of(media: Any, stored: Tensor) -> float:
    """By how much the model's loudness is above that of a stored sound (1, C, T); 1 for other media and for silence."""
    if getattr(media, "loudness", "as_is") == "as_is":
        return 1.0
    from modalities.audio.prepare import level, to_float

    wave = to_float(stored).flatten()
    levelled = level(to_float(stored), media.loudness).flatten()
    at = (wave.abs() * (levelled.abs() < 0.99)).argmax()  # the loudest sample that levelling has not clipped
    return float(levelled[at] / wave[at]) if wave[at] else 1.0
