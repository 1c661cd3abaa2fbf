"""Clips in step in one clip, a still of their frames, and the stages of one clip."""

from pathlib import Path

import av
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from modalities.tiling import DARK, GAP
from modalities.video.sheet import sheet, still, strip

STEP = 128 + GAP


def clips(count: int, frames: int = 5) -> Tensor:
    """Grey clips (n, T, 32, 32, 1): clip i has the brightness 40 i + 5 t at time t."""
    shade = 40 * torch.arange(count).view(-1, 1) + 5 * torch.arange(frames)
    return shade.to(torch.uint8).view(count, frames, 1, 1, 1).expand(-1, -1, 32, 32, 1)


def test_all_clips_play_in_step(tmp_path: Path) -> None:
    sheet(clips(4), tmp_path / "sheet.mp4", fps=6)
    with av.open(str(tmp_path / "sheet.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 6
    assert len(frames) == 5
    assert frames[0].shape == (2 * STEP - GAP, 2 * STEP - GAP, 3)
    for t, frame in enumerate(frames):
        for i in range(4):
            assert abs(int(frame[i // 2 * STEP + 64, i % 2 * STEP + 64, 0]) - (40 * i + 5 * t)) <= 2
        assert abs(int(frame[128 + GAP // 2, 20, 0]) - DARK[0]) <= 4


def test_a_still_has_a_row_per_clip_and_a_strip_a_column_per_stage(tmp_path: Path) -> None:
    still(clips(3), tmp_path / "still.png")
    picture = decode_image(str(tmp_path / "still.png"), ImageReadMode.UNCHANGED)[0]
    rows = [[picture[i * STEP + 64, k * STEP + 64].item() for k in range(3)] for i in range(3)]
    assert rows == [[0, 10, 20], [40, 50, 60], [80, 90, 100]]
    strip(clips(3), tmp_path / "strip.png", ["a", "b", "c"])
    picture = decode_image(str(tmp_path / "strip.png"), ImageReadMode.UNCHANGED)[0]
    columns = [[picture[k * STEP + 64, i * STEP + 64].item() for k in range(3)] for i in range(3)]
    assert columns == rows
