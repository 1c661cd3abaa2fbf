"""What the page shows beside the files that `sample.py` wrote: the checks' words, pictures of sounds, clips in rows."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from modalities.audio.prepare import to_int16
from modalities.modality import Modality
from modalities.video.modality import VideoModality
from modalities.video.sheet import sheet as video_sheet
from tools.demonstration.facts import SampleFact
from tools.demonstration.files import audio, check, video

SOUNDS = 4
"""Sounds of each class that the page plays."""


def fact(media: Modality, out: Path, path: Path, asked: str) -> SampleFact:
    """What one file shows, measured; paths relative to `out`."""
    seen = check(media.name, path)
    return SampleFact(str(path.relative_to(out)), asked, seen.what, seen.note)


def show(media: Modality, out: Path, samples: Sequence[SampleFact]) -> tuple[list[SampleFact], str]:
    """`samples` (sorted by class) with the pictures that were drawn for them, and the path of the sheet to show."""
    folder = out / media.name
    if media.name == "audio":
        return [drawn(media, out, sample, samples) for sample in samples], f"{media.name}/sheet.png"
    if isinstance(media, VideoModality):
        clips = torch.stack([video(out / sample.file) for sample in samples])
        asked = [sample.asked for sample in samples]
        video_sheet(
            clips, folder / "by_class.mp4", asked, fps=media.fps, columns=max(asked.count(name) for name in asked)
        )
        return list(samples), f"{media.name}/by_class.mp4"
    return list(samples), f"{media.name}/sheet.png"


def drawn(media: Modality, out: Path, sample: SampleFact, samples: Sequence[SampleFact]) -> SampleFact:
    """One sound with its picture, if it is among the first of its class."""
    if [other for other in samples if other.asked == sample.asked].index(sample) >= SOUNDS:
        return sample
    path = (out / sample.file).with_suffix(".png")
    wave, _ = audio(out / sample.file)
    media.sheet(to_int16(wave)[None, None], path)
    return dataclasses.replace(sample, picture=str(path.relative_to(out)))
