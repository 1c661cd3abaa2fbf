"""One sound to one WAV file, 16 bit PCM."""

import io
from pathlib import Path

from torch import Tensor

from modalities.writing import write_bytes


def write(media: Tensor, path: Path, sample_rate: int) -> None:
    """int16 (C, T); `sample_rate` in Hz. Lossless. Encoded in memory, so that a full disk is a plain OSError."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, media.detach().cpu().T.numpy(), sample_rate, format="WAV", subtype="PCM_16")
    write_bytes(buffer.getvalue(), path)
