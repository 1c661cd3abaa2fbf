"""The image modality: square pictures of one size, as pixels in [-1, 1]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Generator, Tensor, nn

from modalities.data.compositions import check_embedded
from modalities.image import representation
from modalities.pixels import fit, mirror

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.data.example import Source


@dataclass(frozen=True, kw_only=True)
class ImageModality:
    """Stored media: uint8 (C, size, size). x0: (C, size, size).

    size: height and width in pixels; channels: 1 grey or 3 RGB; flip: mirror half of the training images;
    embedded: what is generated where there are no files, simple (one shape, its class) or composed (scenes, captions).
    """

    name: ClassVar[str] = "image"
    suffix: ClassVar[str] = ".png"
    size: int = 32
    channels: int = 3
    flip: bool = False
    embedded: str = "simple"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size={self.size} must be at least 1 pixel")
        if self.channels not in (1, 3):
            raise ValueError(f"channels={self.channels} must be 1 (grey) or 3 (RGB)")
        check_embedded(self.embedded)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.channels, self.size, self.size

    def source(self, path: Path | None, split: str) -> "Source":
        from modalities.image.data import source

        return source(path, split, size=self.size, channels=self.channels, embedded=self.embedded)

    def prepare(self, batch: "Batch", generator: Generator | None) -> Tensor:
        """-> uint8 (B, C, size, size). Resized by the shorter side, then cropped at the centre."""
        media = batch.gather(lambda media, rate: fit(media, self.size, self.channels))
        return mirror(media, -1, generator) if self.flip and generator is not None else media

    def encode(self, media: Tensor) -> Tensor:
        return representation.encode(media)

    def decode(self, x: Tensor) -> Tensor:
        return representation.decode(x)

    def network(self, *, in_channels: int | None = None, **options: Any) -> nn.Module:
        from modalities.image.network import ImageUNet

        return ImageUNet(in_channels=in_channels or self.channels, **options)

    def write(self, media: Tensor, path: Path) -> None:
        from modalities.image.writer import write

        write(media, path)

    def sheet(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        from modalities.image.sheet import sheet

        sheet(media, path, captions)

    def strip(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        from modalities.image.sheet import strip

        strip(media, path, captions)


modality = ImageModality
