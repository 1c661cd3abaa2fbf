"""Which file endings are which kind of media, and what to say about a place that holds none of the right kind."""

from collections import Counter
from collections.abc import Iterable

ENDINGS = {
    "image": (
        "png",
        "jpg",
        "jpeg",
        "jpe",
        "jfif",
        "webp",
        "bmp",
        "dib",
        "gif",
        "tif",
        "tiff",
        "ppm",
        "pgm",
        "pbm",
        "pnm",
        "tga",
        "ico",
        "jp2",
        "j2k",
        "avif",
        "qoi",
        "dds",
        "pcx",
        "sgi",
        "apng",
    ),
    "audio": (
        "wav",
        "flac",
        "ogg",
        "oga",
        "opus",
        "mp3",
        "aif",
        "aiff",
        "aifc",
        "au",
        "snd",
        "caf",
        "w64",
        "rf64",
        "voc",
    ),
    "video": (
        "mp4",
        "m4v",
        "mov",
        "mkv",
        "webm",
        "avi",
        "gif",
        "mpg",
        "mpeg",
        "m2ts",
        "mts",
        "wmv",
        "flv",
        "ogv",
        "3gp",
        "mjpeg",
        "nut",
    ),
}
SUFFIXES = {kind: frozenset(f".{ending}" for ending in endings) for kind, endings in ENDINGS.items()}
"""What Pillow, libsndfile and FFmpeg read, by kind. An animated GIF is both: its first frame, or a clip."""


def article(kind: str) -> str:
    """«an image», «an audio file», «a video»: the kind as a noun."""
    return {"image": "an image", "audio": "an audio file", "video": "a video"}[kind]


def suffix(name: str) -> str:
    """`.png` of `a/b.PNG`; empty where the last part of the name has no dot after its first character."""
    stem, dot, ending = name.rpartition("/")[2].rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def none_of_kind(where: object, kind: str, names: Iterable[str]) -> ValueError:
    """The error for a place whose files `names` hold nothing of `kind`: what it holds, and which modality that is."""
    found = Counter(suffix(name) or "unnamed" for name in names)
    if not found:
        return ValueError(f"{where} is empty: it should hold {kind} files")
    ending, count = found.most_common(1)[0]
    held = f"{count} {ending} file{'s' if count > 1 else ''}"
    other = [name for name, endings in SUFFIXES.items() if ending in endings and name != kind]
    if other:
        return ValueError(
            f"{where} holds {held} and not {article(kind)}: {' or '.join(f'modality={name}' for name in other)}?"
        )
    usual = {"image": "png, jpg, webp", "audio": "wav, flac, mp3, ogg", "video": "mp4, webm, gif"}[kind]
    return ValueError(f"{where} holds {held} and not {article(kind)} ({usual}, … or .tar or .parquet with such inside)")
