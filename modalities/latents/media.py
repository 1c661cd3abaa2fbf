"""Media seen through an autoencoder: to a diffusion model its latents are a modality like any other.

    x0 = (E(encode(u)) - shift) * scale                  (B, c, *size), about unit scale per channel
    u  = decode(D(x0 / scale + shift))                   back in stored units

E and D are those of an autoencoder that was trained before (Rombach et al. 2022, sec. 3.2), shift and scale those of
its latents, measured per channel. Everything else is the media's own: files, augmentation, sheets. The network is the
media's too, on c channels: of rank 2 for images and spectrograms, 1 for waveforms, 3 for clips.

Latents may also come ready from a cache (`modalities.latents.cache`). Stored media are integers and cached latents are
floats: by that `prepare` and `encode` know which they have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Generator, Tensor, nn

from modalities.latents import tiling
from modalities.latents.cache import Cache, is_cache
from modalities.modality import Modality

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.data.example import Source


class Autoencoder(Protocol):
    """What a latent model needs of an autoencoder; it is an `nn.Module` too."""

    def encode(self, x0: Tensor) -> Tensor:
        """x0 (B, *event) -> z (B, c, *size): the mean, or the nearest codes; nothing is drawn."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """z (B, c, *size) -> x0 (B, *event)."""
        ...

    def latent_shape(self, event_shape: Sequence[int]) -> tuple[int, ...]:
        """(c, *size) for x0 of `event_shape`. Raises ValueError where it does not fit."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentMedia:
    """`media` seen through `autoencoder`; shift and scale are (c,). x0: (c, *size).

    tile: positions of a side that are decoded at once, see `modalities.latents.tiling`; None: all, unless the example
    is very large. fingerprint: that of the autoencoder, which the cache must name. Raises ValueError where media and
    autoencoder do not fit each other.
    """

    media: Modality
    autoencoder: nn.Module
    shift: Tensor
    scale: Tensor
    fingerprint: str = ""
    tile: int | None = None

    def __post_init__(self) -> None:
        shape, event = self.event_shape, self.media.event_shape
        if len(shape) != len(event):
            raise ValueError(
                f"latents of shape {shape} have another rank than {self.media.name} of shape {event}: "
                "a diffusion model needs latents that are maps"
            )
        for name, value in (("shift", self.shift), ("scale", self.scale)):
            if value.shape != shape[:1]:
                raise ValueError(f"{name} has {len(value)} values for latents of {shape[0]} channels")
        self.autoencoder.eval().requires_grad_(False)

    @property
    def name(self) -> str:
        return self.media.name

    @property
    def suffix(self) -> str:
        return self.media.suffix

    @property
    def event_shape(self) -> tuple[int, ...]:
        return tuple(self.autoencoder.latent_shape(self.media.event_shape))  # type: ignore[operator]

    def source(self, path: Path | None, split: str) -> "Source":
        """The media under `path`, or their latents where it is a cache of this autoencoder."""
        if path is None or not is_cache(path):
            return self.media.source(path, split)
        cache = Cache(path, split)
        cache.check(self.fingerprint, self.event_shape, self.media)
        return cache

    def prepare(self, batch: "Batch", generator: Generator | None) -> Tensor:
        """-> the media's stored units, or cached latents (B, c, *size). Of these, with `flip`, a generator takes the
        mirrored ones for half of the examples, as it mirrors pictures."""
        if not batch.groups[0].media.is_floating_point():
            return self.media.prepare(batch, generator)
        views = batch.gather(lambda media, rate: media)  # (B, 1 or 2, c, *size): as it is, mirrored
        if not getattr(self.media, "flip", False) or generator is None:
            return views[:, 0]
        coins = torch.rand(len(views), generator=generator, device=generator.device).to(views.device) < 0.5
        return torch.where(coins.view(-1, *(1,) * (views.ndim - 2)), views[:, 1], views[:, 0])

    def encode(self, media: Tensor) -> Tensor:
        z = media if media.is_floating_point() else self.latents(self.media.encode(media))
        return (z.float() - self._per_channel(self.shift, z)) * self._per_channel(self.scale, z)

    def latents(self, x0: Tensor) -> Tensor:
        """The media's x0 (B, *event) -> z, before shift and scale, float32."""
        return self._on(x0.device).encode(x0).float()  # type: ignore[operator]

    def decode(self, x: Tensor) -> Tensor:
        return self.media.decode(self.decoded(x))

    def decoded(self, x: Tensor) -> Tensor:
        """x (B, c, *size) -> the media's own x0 (B, *event), float32: what `encode` of the media would give."""
        z = x.float() / self._per_channel(self.scale, x) + self._per_channel(self.shift, x)
        decode = self._on(x.device).decode
        tile = self.tile or tiling.automatic(self.event_shape, self.media.event_shape)
        return (decode(z) if tile is None else tiling.tiled(decode, z, tile=tile)).float()  # type: ignore[operator, arg-type]

    def network(self, *, in_channels: int | None = None, **options: Any) -> nn.Module:
        return self.media.network(in_channels=in_channels or self.event_shape[0], **options)

    def write(self, media: Tensor, path: Path) -> None:
        self.media.write(media, path)

    def sheet(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        self.media.sheet(media, path, captions)

    def strip(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        self.media.strip(media, path, captions)

    def _per_channel(self, value: Tensor, like: Tensor) -> Tensor:
        """(c,) -> (c, 1, …), to go with `like` (B, c, *size)."""
        return value.to(like.device).view(-1, *(1,) * (like.ndim - 2))

    def _on(self, device: torch.device) -> nn.Module:
        """The autoencoder, moved to where it is needed the first time."""
        if next(self.autoencoder.parameters()).device != device:
            self.autoencoder.to(device)
        return self.autoencoder
