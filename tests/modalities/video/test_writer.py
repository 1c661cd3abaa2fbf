"""MP4 files: their boxes parsed here by hand, their frames read back with PyAV."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

from modalities.video.writer import even, write


def read(path: Path) -> Tensor:
    with av.open(str(path)) as container:
        frames = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return torch.stack(frames)


def boxes(data: bytes) -> list[str]:
    """Names of the top-level boxes of an ISO base media file, in order (ISO 14496-12, 4.2)."""
    found, at = [], 0
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        found.append(name.decode())
        at += size
    return found


def moving(size: int, frames: int = 16) -> Tensor:
    """A grey ramp that moves one pixel per frame, over the full range of brightness."""
    ramp = torch.linspace(0, 255, size).round().to(torch.uint8)
    return torch.stack([ramp.roll(t).view(1, -1, 1).expand(size, -1, 3) for t in range(frames)])


def test_browsers_can_play_it_while_it_loads(tmp_path: Path) -> None:
    write(moving(32), tmp_path / "x.mp4", fps=8)
    data = (tmp_path / "x.mp4").read_bytes()
    order = boxes(data)
    assert order[0] == "ftyp"
    assert order.index("moov") < order.index("mdat")  # faststart
    profile = data[data.index(b"avcC") + 5]
    assert profile in (66, 77, 100)  # baseline, main, high: not the 4:4:4 profile of lossless H.264
    with av.open(str(tmp_path / "x.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (32, 32, "yuv420p")
        assert stream.average_rate == 8
        assert stream.codec_context.colorspace == 1  # BT.709, said so


@pytest.mark.parametrize("fps", [8.0, 12.5, 30.0])
def test_grey_levels_and_times_are_kept(fps: float, tmp_path: Path) -> None:
    clip = moving(64)
    write(clip, tmp_path / "x.mp4", fps=fps)
    back = read(tmp_path / "x.mp4")
    assert back.shape == clip.shape
    assert (back.int() - clip.int()).abs().float().mean() < 1.5
    with av.open(str(tmp_path / "x.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(fps)


def test_plain_colours_are_kept(tmp_path: Path) -> None:
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 120, 40]], dtype=torch.uint8)
    clip = colours.view(4, 1, 1, 3).expand(4, 16, 16, 3)
    write(clip, tmp_path / "x.mp4", fps=4)
    assert (read(tmp_path / "x.mp4").int() - clip.int()).abs().max() <= 6


@pytest.mark.parametrize("shape", [(3, 7, 8, 1), (3, 8, 5, 3), (1, 1, 1, 1)])
def test_odd_sizes_grow_by_a_copy_of_the_last_row_or_column(shape: tuple[int, ...], tmp_path: Path) -> None:
    clip = torch.randint(0, 256, shape, dtype=torch.uint8)
    padded = even(clip)
    height, width = shape[1] + shape[1] % 2, shape[2] + shape[2] % 2
    assert padded.shape == (shape[0], height, width, shape[3])
    torch.testing.assert_close(padded[:, : shape[1], : shape[2]], clip, rtol=0, atol=0)
    torch.testing.assert_close(padded[:, -1, : shape[2]], clip[:, -1], rtol=0, atol=0)
    write(clip, tmp_path / "x.mp4", fps=8)
    assert read(tmp_path / "x.mp4").shape == (shape[0], height, width, 3)
