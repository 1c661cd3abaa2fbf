"""What a user says is known of a reference, as a mask.

frames      4 (the first four) · first · last · first_last · every_4 (and the last) · [0, 5, -1]
elsewhere   left · right · top · bottom · centre (halves) · first · last (of a sound) · [0.1, 0.4] (seconds of a sound,
            frames of a clip) · [left, top, right, bottom] (pixels) · mask.png (white is known)
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FRAMES = "a number of first frames, first, last, first_last, every_N, or a list of frames"
HALVES = {"left": (-1, 0), "right": (-1, 1), "top": (-2, 0), "bottom": (-2, 1), "first": (-1, 0), "last": (-1, 1)}
"""Word -> axis, and which half of it."""


def frames(spec: Any, T: int, have: int = 0) -> list[int]:
    """The known places among T frames, of a file that has `have` of them (0: T), in rising order.

    None: the frames that a shorter file has, or the first quarter. A file shorter than the clip fills the known places
    with its frames in their order, so that a clip of two frames can be the first and the last. Raises ValueError in one
    line where the two numbers differ, and for words and places that do not exist.
    """
    have = have or T
    if spec is None:
        spec = have if have < T else max(1, T // 4)
    places = sorted({_place(i, T) for i in _frames(spec, T)})
    if have < T and len(places) != have:
        raise ValueError(f"known={spec} are {len(places)} frames, and the reference has {have}")
    if len(places) == T:
        raise ValueError(f"known={spec} are all {T} frames: nothing is left to draw")
    return places


def _frames(spec: Any, T: int) -> Sequence[int]:
    words = {"first": [0], "last": [-1], "first_last": [0, -1]}
    if isinstance(spec, str) and spec in words:
        return words[spec]
    if isinstance(spec, str) and (every := re.fullmatch(r"every_(\d+)", spec)) and int(every[1]) > 1:
        return [*range(0, T, int(every[1])), -1]
    if isinstance(spec, int) and not isinstance(spec, bool) and spec > 0:
        return range(spec)
    if isinstance(spec, list | tuple) and spec and all(type(i) is int for i in spec):
        return list(spec)
    raise ValueError(f"known={spec} is not {FRAMES}")


def _place(i: int, T: int) -> int:
    if not -T <= i < T:
        raise ValueError(f"known: there is no frame {i} in a clip of {T}: 0 to {T - 1}, or from the end -1 to -{T}")
    return i % T


def region(spec: Any, size: Sequence[int], *, per_second: float = 0.0) -> Tensor:
    """bool (*size): True in the part that `spec` names. `per_second`: positions of the last axis, for a sound.

    Raises ValueError in one line for a word, a range or a file that does not go with the size.
    """
    mask = torch.zeros(*size, dtype=torch.bool)
    if isinstance(spec, str) and spec.endswith(".png"):
        return _drawn(Path(spec), size)
    if isinstance(spec, str) and (spec in HALVES or spec == "centre"):
        flat = len(size) == 1 or per_second > 0
        if flat != (spec in ("first", "last")) and spec != "centre":
            raise ValueError(f"known={spec}: a sound has first, last and centre, a picture left, right, top, bottom")
        axes = [-1] if flat else [-2, -1]
        for axis in axes if spec == "centre" else [HALVES[spec][0]]:
            n = size[axis]
            low, high = (n // 4, n - n // 4) if spec == "centre" else ((0, n // 2), (n // 2, n))[HALVES[spec][1]]
            mask = _cut(mask, axis, low, high, first=axis == axes[0] or spec != "centre")
        return mask
    if isinstance(spec, list | tuple) and all(isinstance(v, int | float) for v in spec):
        return _ranges(spec, mask, per_second)
    raise ValueError(f"known={spec} is not a word, a range or a mask.png")


def _cut(mask: Tensor, axis: int, low: float, high: float, *, first: bool = True) -> Tensor:
    """True from `low` to before `high` along `axis`; what was already cut along another stays cut."""
    at = torch.arange(mask.shape[axis])
    inside = ((at >= low) & (at < high)).view(-1, *(1,) * (-axis - 1))
    return inside.expand_as(mask) if first else mask & inside


def _ranges(spec: Sequence[float], mask: Tensor, per_second: float) -> Tensor:
    """[from, to] along time (seconds of a sound, frames of a clip), [left, top, right, bottom] of a picture."""
    if per_second and len(spec) == 2:
        return _between(spec, mask, -1, per_second, "seconds")
    if mask.ndim == 3 and len(spec) == 2:
        return _between(spec, mask, -3, 1.0, "frames")
    if not per_second and mask.ndim >= 2 and len(spec) == 4:
        across = _between((spec[0], spec[2]), mask, -1, 1.0, "pixels")
        return across & _between((spec[1], spec[3]), mask, -2, 1.0, "pixels")
    wanted = "[from, to] in seconds" if per_second else "[left, top, right, bottom] in pixels"
    raise ValueError(f"known={list(spec)} has {len(spec)} numbers: give {wanted}")


def _between(spec: Sequence[float], mask: Tensor, axis: int, per_unit: float, unit: str) -> Tensor:
    end = mask.shape[axis] / per_unit
    low, high = spec
    if not 0 <= low < high <= end:
        raise ValueError(f"known: {low:g} to {high:g} {unit} must rise within 0 to {end:g}")
    return _cut(mask, axis, round(low * per_unit), round(high * per_unit))


def _drawn(path: Path, size: Sequence[int]) -> Tensor:
    """White pixels of a grey PNG of the very size of the picture."""
    import numpy
    from PIL import Image

    if len(size) < 2:
        raise ValueError(f"known={path}: a picture is no mask for a sound")
    try:
        with Image.open(path) as image:
            pixels = torch.from_numpy(numpy.asarray(image.convert("L")).copy())
    except OSError as error:
        raise ValueError(f"known={path}: {error.strerror or 'not an image that Pillow knows'}") from None
    if tuple(pixels.shape) != tuple(size[-2:]):
        have, want = ("x".join(map(str, (s[1], s[0]))) for s in (pixels.shape, size[-2:]))
        raise ValueError(f"known={path}: the mask has {have} pixels, the model's pictures have {want}")
    return (pixels > 127).expand(*size)
