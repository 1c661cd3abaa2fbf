"""What the tools ask of a kind of media, and `load(name, **options)`.

    file -> source -> stored integers -> prepare -> encode -> x0 (B, *event) -> … -> decode -> stored integers -> file

Stored media keep the layout of their files: image uint8 (C, H, W), audio int16 (C, T), video uint8 (T, H, W, C).
A modality knows nothing of noise; the diffusion core knows nothing of media. They meet in `event_shape`.
"""

import dataclasses
import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Generator, Tensor, nn

from core.discover import nearest

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.data.example import Source


class Modality(Protocol):
    """One kind of media at one size. Every method but `prepare` is deterministic."""

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str:
        """Ending of the files that `write` makes, with its dot."""
        ...

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one x0, channels first."""
        ...

    def source(self, path: Path | None, split: str) -> "Source":
        """The examples of `split` under `path`; None is the embedded generator, which needs no files."""
        ...

    def prepare(self, batch: "Batch", generator: Generator | None) -> Tensor:
        """Bring a batch, on the device that it is on, to the stored shape of this modality: (B, ...) in stored units.

        A generator switches the augmentation on that the options ask for; None leaves it off.
        """
        ...

    def encode(self, media: Tensor) -> Tensor:
        """Stored units (B, ...) -> x0 (B, *event), float32."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """x (B, *event) -> stored units (B, ...); what lies outside the range of the media is clipped."""
        ...

    def network(self, *, in_channels: int | None = None, **options: Any) -> nn.Module:
        """The backbone; its class names its options in `Options`, a dataclass. `in_channels` are those of x0, or of a
        latent in its place. Beside the options: `classes`, `conditions` by name, see `modalities.condition`,
        `answers`, of how many tensors like x0 the output consists, and `jumps`, whether it is told how far."""
        ...

    def write(self, media: Tensor, path: Path) -> None:
        """Write one example; `path` either holds the whole file afterwards or what it held before."""
        ...

    def sheet(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        """One file that shows n examples (n, ...) to the eye: .png for image and audio, .mp4 for video."""
        ...

    def strip(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        """One PNG that shows n stages (n, ...) of one example side by side."""
        ...


def names() -> list[str]:
    """The modalities that exist: the folders beside this file that hold a `modality.py`."""
    folders = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(m.name for m in folders if m.ispkg and importlib.util.find_spec(f"modalities.{m.name}.modality"))


def load(name: str, **options: Any) -> Modality:
    """The modality called `name` with its `options`; an unknown one is a ValueError with the nearest that exists."""
    if name not in names():
        raise ValueError(f"unknown modality {name!r}{nearest(name, names())}; choose one of {', '.join(names())}")
    factory = importlib.import_module(f"modalities.{name}.modality").modality
    known = [field.name for field in dataclasses.fields(factory) if field.init]
    for option in options:
        if option not in known:
            raise ValueError(f"{name} has no option {option!r}{nearest(option, known)}; it has {', '.join(known)}")
    return factory(**options)
