"""The video modality: square clips of one size and length, as pixels in [-1, 1]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Generator, Tensor, nn

from modalities.data.compositions import check_embedded
from modalities.video import representation
from modalities.video.prepare import fit, mirror

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.data.example import Source


@dataclass(frozen=True, kw_only=True)
class VideoModality:
    """Stored media: uint8 (frames, size, size, C). x0: (C, frames, size, size).

    size: height and width in pixels; frames: length of a clip; channels: 1 grey or 3 RGB; stride: source frames per
    kept frame; fps: kept frames per second in the files written; flip: mirror half of the training clips;
    embedded: what is generated where there are no files, simple (a mover, its direction) or composed (walks, captions).
    """

    name: ClassVar[str] = "video"
    suffix: ClassVar[str] = ".mp4"
    size: int = 32
    frames: int = 16
    channels: int = 3
    stride: int = 1
    fps: float = 8.0
    flip: bool = False
    embedded: str = "simple"

    def __post_init__(self) -> None:
        for option in ("size", "frames", "stride", "fps"):
            if not getattr(self, option) > 0:
                raise ValueError(f"{option}={getattr(self, option)} must be above 0")
        if self.channels not in (1, 3):
            raise ValueError(f"channels={self.channels} must be 1 (grey) or 3 (RGB)")
        check_embedded(self.embedded)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.channels, self.frames, self.size, self.size

    def source(self, path: Path | None, split: str) -> "Source":
        from modalities.video.data import source

        return source(
            path,
            split,
            size=self.size,
            channels=self.channels,
            frames=self.frames,
            stride=self.stride,
            embedded=self.embedded,
        )

    def prepare(self, batch: "Batch", generator: Generator | None) -> Tensor:
        """-> uint8 (B, frames, size, size, C). Frames of any shape are resized by the shorter side and cropped."""
        media = batch.gather(lambda media, rate: fit(media, self.size, self.frames, self.channels))
        return mirror(media, generator) if self.flip and generator is not None else media

    def encode(self, media: Tensor) -> Tensor:
        return representation.encode(media)

    def decode(self, x: Tensor) -> Tensor:
        return representation.decode(x)

    def network(self, *, in_channels: int | None = None, **options: Any) -> nn.Module:
        from modalities.video.network import VideoUNet

        return VideoUNet(in_channels=in_channels or self.channels, **options)

    def write(self, media: Tensor, path: Path) -> None:
        from modalities.video.writer import write

        write(media, path, self.fps)

    def sheet(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        from modalities.video.sheet import sheet

        sheet(media, path, captions, fps=self.fps)

    def strip(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        from modalities.video.sheet import strip

        strip(media, path, captions)


modality = VideoModality
