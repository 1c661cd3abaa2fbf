"""Truncation is seen in the containers that state their length, and only there."""

import io
from pathlib import Path

import numpy as np
import pytest

from modalities.data.whole import missing

WAVE = (np.sin(np.arange(8000) / 9) * 9000).astype(np.int16)


def audio(format: str, subtype: str) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, WAVE, 8000, format=format, subtype=subtype)
    return file.getvalue()


def video(path: Path, format: str, codec: str, pixels: str = "yuv420p", options: dict[str, str] | None = None) -> bytes:
    import av

    file = path / "x"
    with av.open(str(file), "w", format=format, options=options or {}) as box:
        stream = box.add_stream(codec, rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 32, pixels
        for i in range(20):
            picture = np.random.default_rng(i).integers(0, 255, (32, 32, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            box.mux(stream.encode(frame))
        box.mux(stream.encode())
    return file.read_bytes()


MAKERS = {
    "wav": lambda _: audio("WAV", "PCM_16"),
    "float wav": lambda _: audio("WAV", "FLOAT"),
    "aiff": lambda _: audio("AIFF", "PCM_16"),
    "ogg": lambda _: audio("OGG", "VORBIS"),
    "opus": lambda _: audio("OGG", "OPUS"),
    "mp4": lambda path: video(path, "mp4", "libx264"),
    "mp4 with its index in front": lambda path: video(path, "mp4", "libx264", options={"movflags": "faststart"}),
    "mov": lambda path: video(path, "mov", "mpeg4"),
    "webm": lambda path: video(path, "webm", "libvpx-vp9"),
    "mkv": lambda path: video(path, "matroska", "ffv1"),
    "avi": lambda path: video(path, "avi", "mpeg4"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_whole_file_lacks_nothing_and_a_cut_one_does(kind: str, tmp_path: Path) -> None:
    data = MAKERS[kind](tmp_path)
    assert missing(io.BytesIO(data)) == 0
    # AVI ends in an index and odd chunks end in padding: the cut must reach what the headers count.
    for part in (0.3, 0.6, 0.9, 0.99):
        assert missing(io.BytesIO(data[: int(len(data) * part)])) > 0, part


def test_sizes_that_streaming_programs_leave_open_promise_nothing() -> None:
    data = bytearray(audio("WAV", "PCM_16"))
    at = data.index(b"data") + 4
    for size in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        data[at : at + 4] = size
        assert missing(io.BytesIO(bytes(data[:5000]))) == 0


@pytest.mark.parametrize("data", [b"", b"RIFF", b"\x1a\x45\xdf\xa3", b"OggS", b"fLaC" + bytes(50), bytes(100)])
def test_other_files_and_stumps_do_not_raise(data: bytes) -> None:
    assert missing(io.BytesIO(data)) >= 0
