"""Any clip that FFmpeg reads -> uint8 (T, size, size, C), from a random place, without decoding what comes before it.

Frame k of a constant-rate stream is shown at k / rate. The decoder seeks to the keyframe before the first frame wanted,
decodes from there, and keeps every `stride`-th frame: turned as the file says, resized to cover, cropped at the centre.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

import torch
from torch import Tensor

from modalities.data.example import BadFile
from modalities.data.item import Item
from modalities.data.whole import missing

SOUGHT = 24
"""Clips that start within so many frames are decoded from the beginning, where frames can be counted."""


@dataclass(frozen=True)
class VideoDecoder:
    """`decode(item, where) -> (uint8 (frames, size, size, channels), 0)`.

    The clip begins at the fraction `where` of the possible places. A file with fewer than
    (frames - 1) * stride + 1 frames is a BadFile.
    """

    size: int
    frames: int
    channels: int
    stride: int

    def __call__(self, item: Item, where: float) -> tuple[Tensor, int]:
        import av

        try:
            with item.stream() as file:
                if lacking := missing(file):
                    raise BadFile(f"truncated: it lacks {lacking} bytes of what its header promises")
                return self._clip(item.path or file, where), 0
        except av.FFmpegError as error:
            raise BadFile(f"FFmpeg cannot read it: {error.strerror}") from error

    def _clip(self, file: str | BinaryIO, where: float) -> Tensor:
        span = (self.frames - 1) * self.stride + 1
        with opened(file) as (box, stream):
            total = estimated_frames(box, stream)
            if total >= span:
                kept = list(self._by_time(box, stream, int(where * (total - span + 1))))
                if len(kept) == self.frames:
                    return torch.stack(kept)
        # The header says nothing of the length, or something wrong: count, and start from what is really there.
        with opened(file) as (box, stream):
            total = sum(1 for _ in box.decode(stream))
        if total < span:
            raise BadFile(f"it has {total} frames, fewer than the {span} that the clip takes")
        with opened(file) as (box, stream):
            return torch.stack(list(self._count(box.decode(stream), int(where * (total - span + 1)))))

    def _by_time(self, box: Any, stream: Any, start: int) -> Iterator[Tensor]:
        """The frames of the clip that begins at frame `start`; fewer where the file ends first or cannot be sought."""
        rate, begin = stream.average_rate, stream.start_time or 0
        if start <= SOUGHT or not rate:
            yield from self._count(box.decode(stream), start)
            return
        tick = 1 / (float(rate) * float(stream.time_base))  # of the stream's clock, per frame
        target = begin + start * tick
        box.seek(int(target), stream=stream, backward=True)
        decoded = box.decode(stream)
        first = next(decoded, None)
        if first is None or first.pts is None or first.pts > target + tick / 2:
            return
        frames = chain((first,), decoded)
        if first.pts <= begin:
            yield from self._count(frames, start)
            return
        late = (frame for frame in frames if frame.pts is not None and frame.pts > target - tick / 2)
        yield from self._count(late, 0)

    def _count(self, decoded: Iterator[Any], start: int) -> Iterator[Tensor]:
        """Every `stride`-th of the decoded frames from number `start` on, `frames` of them."""
        scaler = Scaler(self.size, self.channels)
        for i, frame in enumerate(decoded):
            if i >= start and (i - start) % self.stride == 0:
                yield scaler(frame)
            if i == start + (self.frames - 1) * self.stride:
                return


@contextmanager
def opened(file: str | BinaryIO) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream, closed afterwards. Raises BadFile where it has none."""
    import av

    if not isinstance(file, str):
        file.seek(0)
    with av.open(file) as box:
        if not box.streams.video:
            raise BadFile("it holds no video")
        stream = box.streams.video[0]
        stream.codec_context.thread_count = 1  # the workers are the parallelism
        yield box, stream


def estimated_frames(box: Any, stream: Any) -> int:
    """Frames in the stream: as its header counts them, else duration times rate; 0 where neither is known."""
    if stream.frames:
        return int(stream.frames)
    seconds = float(stream.duration * stream.time_base) if stream.duration else (box.duration or 0) / 1e6
    return round(seconds * float(stream.average_rate or 0))


class Scaler:
    """`scaler(frame)` -> uint8 (size, size, channels). One for all frames of a file: setting it up takes longer than
    scaling a small frame."""

    def __init__(self, size: int, channels: int) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self.size, self.channels = size, channels
        self.reformat = VideoReformatter().reformat
        # PyAV 17 and later start a thread per core for each small frame, at ten times the cost of scaling it.
        self.options: dict[str, Any] = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}
        self.options |= {"format": "gray" if channels == 1 else "rgb24", "interpolation": "BICUBIC"}

    def __call__(self, frame: Any) -> Tensor:
        size, short = self.size, min(frame.width, frame.height)
        wide, high = (max(size, round(side * size / short)) for side in (frame.width, frame.height))
        pixels = self.reformat(frame, width=wide, height=high, **self.options).to_ndarray()
        top, left = (high - size) // 2, (wide - size) // 2
        square = torch.from_numpy(pixels).view(high, wide, self.channels)[top : top + size, left : left + size]
        turns = round(getattr(frame, "rotation", 0) / 90) % 4  # counter-clockwise, from the display matrix
        return (square.rot90(turns) if turns else square).contiguous()
