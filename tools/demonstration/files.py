"""What `sample.py` wrote, read back as stored media: the demo's checks look at the files themselves."""

from pathlib import Path

import torch
from torch import Tensor

from tools.demonstration.checks import Seen, direction_of, shape_of
from tools.demonstration.pitch import waveform_of


def check(modality: str, path: Path) -> Seen:
    """What the check of `modality` sees in one of its files."""
    if modality == "image":
        return shape_of(image(path))
    if modality == "audio":
        return waveform_of(*audio(path))
    return direction_of(video(path))


def image(path: Path) -> Tensor:
    """uint8 (C, H, W)."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).movedim(-1, 0)


def audio(path: Path) -> tuple[Tensor, int]:
    """float (T,) in [-1, 1], channels averaged, and the sample rate in Hz."""
    import soundfile

    wave, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(wave).mean(dim=1), sample_rate


def video(path: Path) -> Tensor:
    """uint8 (T, H, W, 3)."""
    import av

    with av.open(str(path)) as container:
        frames = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return torch.stack(frames)
