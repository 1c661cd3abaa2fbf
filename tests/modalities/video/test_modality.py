"""Clips of any shape in one batch; mirroring moves whole clips."""

import pytest
import torch

from modalities.data.batch import Batch
from modalities.data.example import Example
from modalities.video.modality import VideoModality


def test_mixed_shapes_lengths_and_channels_come_back_in_order() -> None:
    shapes = [(4, 8, 8, 3), (9, 20, 11, 3), (4, 8, 8, 1), (4, 5, 5, 3)]
    clips = [torch.full(shape, 50 * (i + 1), dtype=torch.uint8) for i, shape in enumerate(shapes)]
    clips[1][4:] = 0  # beyond the four frames that are kept
    out = VideoModality(size=8, frames=4).prepare(Batch.of([Example(clip) for clip in clips]), None)
    expected = torch.tensor([50, 100, 150, 200], dtype=torch.uint8).view(4, 1, 1, 1, 1).expand(4, 4, 8, 8, 3)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)


def test_a_clip_that_is_too_short_is_one_line() -> None:
    batch = Batch.of([Example(torch.zeros(3, 8, 8, 3, dtype=torch.uint8))])
    with pytest.raises(ValueError, match="a clip has 3 frames, fewer than frames=4"):
        VideoModality(size=8, frames=4).prepare(batch, None)


def test_a_clip_is_mirrored_in_all_frames_or_none() -> None:
    clips = torch.randint(0, 256, (64, 4, 4, 4, 3), dtype=torch.uint8)
    batch = Batch.of([Example(clip) for clip in clips])
    out = VideoModality(size=4, frames=4, flip=True).prepare(batch, torch.Generator().manual_seed(0))
    kept = (out == clips).flatten(1).all(1)
    flipped = (out == clips.flip(-2)).flatten(1).all(1)  # along the width
    assert (kept ^ flipped).all()
    assert 10 < kept.sum() < 54
