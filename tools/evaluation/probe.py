"""What the files of a folder of samples are: their sizes, rates and lengths, as far as their headers say."""

from collections import Counter
from pathlib import Path
from typing import Any

from modalities import modality
from modalities.data.folder import walk
from modalities.data.kinds import SUFFIXES, suffix
from tools.evaluation.stream import manifest

Options = dict[str, Any]


def kind_of(folder: Path) -> str:
    """The modality that the files of a folder are of: as its manifest says, else by their endings."""
    said = {line.get("modality") for line in manifest(folder).values()}
    if len(said) == 1 and (name := said.pop()) in modality.names():
        return str(name)
    endings = Counter(suffix(name) for name in walk(str(folder)) if not name.rpartition("/")[2].startswith("sheet."))
    found = Counter({kind: sum(endings[e] for e in SUFFIXES[kind]) for kind in SUFFIXES})
    best, count = found.most_common(1)[0]
    if not count:
        raise ValueError(f"samples={folder} holds no image, audio or video files")
    return best


def media_options(folder: Path, kind: str) -> tuple[Options, str]:
    """The media options of most of the files, and a sentence where others differ. ValueError where none reads."""
    listed = manifest(folder)
    found: Counter[tuple[tuple[str, Any], ...]] = Counter()
    for name in sorted(walk(str(folder))):
        last = name.rpartition("/")[2]
        if suffix(name) in SUFFIXES[kind] and (last in listed if listed else not last.startswith("sheet.")):
            try:
                found[tuple(header(folder / name, kind).items())] += 1
            except (OSError, ValueError, RuntimeError, IndexError):  # an mp4 without a picture has no stream 0
                continue  # the reader names it
    if not found:
        raise ValueError(f"samples={folder} holds no readable {kind} file")
    best, count = found.most_common(1)[0]
    others = sum(found.values()) - count
    note = f"{others} of {count + others} samples have another size, rate or length, and were converted to that of most"
    return dict(best), note if others else ""


def header(path: Path, kind: str) -> Options:
    """The media options under which a file would be taken as it is."""
    if kind == "image":
        from PIL import Image

        with Image.open(path) as picture:
            return {"size": min(picture.size), "channels": 1 if picture.mode in ("L", "1", "I;16", "LA") else 3}
    if kind == "audio":
        import soundfile

        sound = soundfile.info(path)
        return {"sample_rate": sound.samplerate, "samples": sound.frames, "channels": sound.channels}
    import av

    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = video.frames or sum(1 for _ in container.decode(video=0))
        return {"size": min(video.width, video.height), "frames": frames}
