"""Which part of a signal is meant: ranges of its axes on the command line, or a mask drawn in a PNG.

    image   rows,columns           8:20,4:28
    audio   seconds                0.2:0.35
    video   frames[,rows,columns]  4:8      4:8,8:20,4:28      :,8:20,4:28

A range is from:to, before the second as in a slice; an end that is left out is that of the signal.
"""

from pathlib import Path

import torch
from torch import Tensor

from modalities.data.recognise import existing
from modalities.modality import Modality

AXES = {"image": ("rows", "columns"), "audio": ("seconds",), "video": ("frames", "rows", "columns")}
EXAMPLES = {"image": "8:20,4:28", "audio": "0.2:0.35", "video": "4:8 or 4:8,8:20,4:28"}


def hidden(media: Modality, shape: tuple[int, ...], *, mask: str | None, region: str | None) -> Tensor:
    """bool (*trailing axes of the signal), True inside of the region; `shape` (C, ...) is that of the signal.

    Raises ValueError unless exactly one of mask and region is given and means a part of the signal: some, not all.
    """
    if (mask is None) == (region is None):
        example = f"region={EXAMPLES[media.name]}"
        raise ValueError(f"say what to fill in: {'mask=FILE.png or ' if media.name != 'audio' else ''}{example}")
    inside = in_box(media, shape, str(region)) if mask is None else in_mask(media, shape, Path(mask))
    if not inside.any() or inside.all():
        where = f"region={region}" if mask is None else f"mask={mask}"
        raise ValueError(f"{where} means {'all' if inside.all() else 'nothing'} of the signal: it must mean a part")
    return inside


def in_box(media: Modality, shape: tuple[int, ...], region: str) -> Tensor:
    """bool (*shape[1:]): True in the box."""
    names, parts = AXES[media.name], region.split(",")
    if len(parts) > len(names) or (media.name == "image" and len(parts) != 2):
        raise ValueError(f"region={region} must be {','.join(names)} of {article(media)}, like {EXAMPLES[media.name]}")
    rate = media.sample_rate if media.name == "audio" else 1  # type: ignore[attr-defined]
    box = []
    for name, part, size in zip(names, parts, shape[1:], strict=False):
        low, high = span(region, name, part, rate, size)
        box.append(slice(low, high))
    inside = torch.zeros(shape[1:], dtype=torch.bool)
    inside[tuple(box)] = True
    return inside


def span(region: str, name: str, part: str, rate: float, size: int) -> tuple[int, int]:
    """First and one past the last element of `from:to`."""
    ends, all_of_it = part.split(":"), (0.0, size / rate)
    try:
        low, high = (float(e) if e.strip() else d for e, d in zip(ends, all_of_it, strict=True))
    except ValueError:
        raise ValueError(f"region={region}: {name} must be from:to, got {part!r}") from None
    if rate == 1 and not (low.is_integer() and high.is_integer()):
        raise ValueError(f"region={region}: {name} are whole numbers, got {part!r}")
    if not 0 <= low < high or low * rate >= size:
        raise ValueError(f"region={region}: {name} must lie in 0 to {size / rate:g} and rise, got {part!r}")
    return round(low * rate), min(size, round(high * rate))


def in_mask(media: Modality, shape: tuple[int, ...], path: Path) -> Tensor:
    """bool (*shape[1:]): True where the picture is lighter than mid-grey; a clip has it in every frame."""
    if media.name == "audio":
        raise ValueError(f"mask={path}: a sound has no pixels to mask; say region={EXAMPLES['audio']} in seconds")
    from PIL import Image

    try:
        with Image.open(existing(path)) as image:
            picture = image.convert("L")
    except OSError:
        raise ValueError(f"mask={path} is not an image that Pillow knows") from None
    height, width = shape[-2:]
    if picture.size != (width, height):
        raise ValueError(
            f"mask={path} has {picture.width}x{picture.height} pixels, the model's {media.name}s have {width}x{height}"
        )
    flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(height, width)
    return (flat > 127).expand(shape[1:])


def article(media: Modality) -> str:
    return {"image": "an image", "audio": "a sound", "video": "a clip"}[media.name]
