"""The autoencoder of any modality: x0 (B, C, *size) to a latent (B, c, *smaller) and back.

    fold -> stem -> [blocks, down] per level -> bottleneck -> [blocks, up] per level -> head -> unfold

A waveform is a map of height 1; a clip is its frames, with mixing along time behind every block and, where
`time_factors` say so, frames that become one. Down is one dense map from a window (of frames too) to a position, up its
mirror image. Every branch starts at zero, so that training starts from a linear code. Nothing but `attention` looks
further than the kernels reach: any size that the factors divide can be encoded, and large ones in tiles.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from modalities.latents.ladder import Ladder, Way
from modalities.latents.shape import AutoencoderShape
from modalities.nn.convolution import conv
from modalities.nn.layout import fold, square, unfold


class Coded(NamedTuple):
    """A latent z (B, c, *size), what it costs (B,), and () numbers for the log."""

    z: Tensor
    loss: Tensor
    facts: dict[str, Tensor]


class Bottleneck(Protocol):
    """What lies between encoder and decoder; see `modalities.latents.bottlenecks`."""

    channels: int
    in_channels: int

    def noise(self, batch: int, size: Sequence[int], generator: torch.Generator, mine: slice) -> Tensor: ...
    def __call__(self, h: Tensor, noise: Tensor, numbers: int) -> Coded: ...
    def encode(self, h: Tensor) -> Tensor: ...


class Autoencoder(nn.Module):
    """For events (in_channels, *size) of `rank` axes. classes > 0: encoder and decoder are told a label, -1 is none.

    `forward(x0, noise, label)` is a pass of training: the reconstruction and what the bottleneck says.
    """

    bottleneck: Any  # a `Bottleneck` that is a module

    def __init__(
        self, shape: AutoencoderShape, bottleneck: nn.Module, *, rank: int, in_channels: int, classes: int = 0
    ) -> None:
        super().__init__()
        self.shape, self.rank, self.in_channels, self.classes = shape, rank, in_channels, classes
        condition = 4 * shape.width if classes else 1
        self.patch, taps = square(shape.patch, rank), square(shape.kernel, rank)
        folded, channels = in_channels * math.prod(self.patch), shape.channels
        self.embed = nn.Embedding(classes + 1, condition) if classes else None
        self.embed_latent = nn.Embedding(classes + 1, channels[-1]) if classes else None
        if self.embed_latent is not None:
            nn.init.zeros_(self.embed_latent.weight)
        self.bottleneck = bottleneck
        self.stem = conv(folded, channels[0], taps)
        self.encoder = Ladder(shape, rank=rank, condition=condition, way=Way.DOWN)
        self.narrow = conv(channels[-1], self.bottleneck.in_channels, taps)
        self.widen = conv(self.bottleneck.channels, channels[-1], taps)
        self.decoder = Ladder(shape, rank=rank, condition=condition, way=Way.UP)
        self.head = conv(channels[0], folded, taps)

    def latent_shape(self, event_shape: Sequence[int]) -> tuple[int, ...]:
        """(c, *size) of the latent of an event; ValueError where the factors do not divide its size."""
        if len(event_shape) != self.rank + 1 or event_shape[0] != self.in_channels:
            raise ValueError(
                f"this autoencoder is for events of {self.in_channels} channels and {self.rank} axes, "
                f"got the shape {tuple(event_shape)}"
            )
        return self.bottleneck.channels, *self.shape.latent_size(event_shape)

    @property
    def factor(self) -> tuple[int, ...]:
        """How many positions of x0 become one of z, per axis."""
        return self.shape.factor(self.rank)

    @property
    def last(self) -> Tensor:
        """The weights of the last layer, by whose gradients adversarial losses are balanced."""
        return self.head.weight

    def encode(self, x0: Tensor, label: Tensor | None = None) -> Tensor:
        """x0 (B, C, *size) -> z (B, c, *smaller): the mean, or the nearest code. Nothing is random."""
        return self.bottleneck.encode(self.narrowed(x0, label))

    def decode(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """z (B, c, *smaller) -> x0 (B, C, *size)."""
        maps, frames = _maps(z)
        h = self.widen(maps)
        if self.embed_latent is not None:  # beside z, so that z need not carry the class
            told = self.embed_latent(self._known(label, z)).repeat_interleave(frames, dim=0)
            h = h + told.to(h.dtype)[:, :, None, None]
        h, frames = self.decoder(h, self._condition(label, z), frames)
        return _event(unfold(self.head(h), self.patch), self.rank, frames)

    def forward(self, x0: Tensor, noise: Tensor, label: Tensor | None = None) -> tuple[Tensor, Coded]:
        """-> (reconstruction (B, C, *size), `Coded`). noise: of `bottleneck.noise`."""
        h = self.narrowed(x0, label)
        with torch.autocast(h.device.type, enabled=False):
            coded = self.bottleneck(h.float(), noise, x0[0].numel())
        return self.decode(coded.z, label), coded

    def narrowed(self, x0: Tensor, label: Tensor | None) -> Tensor:
        """What the bottleneck takes: (B, bottleneck.in_channels, *smaller)."""
        self.latent_shape(x0.shape[1:])
        maps, frames = _maps(x0)
        h, frames = self.encoder(self.stem(fold(maps, self.patch)), self._condition(label, x0), frames)
        return _event(self.narrow(h), self.rank, frames)

    def _condition(self, label: Tensor | None, like: Tensor) -> Tensor:
        """(B, condition): what the label says; ones where there is none to be told."""
        return like.new_ones(len(like), 1) if self.embed is None else self.embed(self._known(label, like))

    def _known(self, label: Tensor | None, like: Tensor) -> Tensor:
        """The row of each label in the tables; their last is «none»."""
        if label is None:
            return torch.full((len(like),), self.classes, device=like.device)
        return torch.where(label < 0, self.classes, label)


def _maps(x: Tensor) -> tuple[Tensor, int]:
    """An event (B, C, *size) as maps (N, C, H, W), N = B * frames, and the number of frames."""
    if x.ndim == 3:
        return x.unsqueeze(2), 1
    if x.ndim == 4:
        return x, 1
    return x.transpose(1, 2).flatten(0, 1), x.shape[2]


def _event(maps: Tensor, rank: int, frames: int) -> Tensor:
    """The inverse of `_maps`, with another number of channels and positions."""
    if rank == 1:
        return maps.squeeze(2)
    return maps if rank == 2 else maps.unflatten(0, (-1, frames)).transpose(1, 2)
