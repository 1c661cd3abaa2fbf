"""The audio networks: a U-Net on waveforms (B, C, L), and one on complex spectrograms (B, 2C, F, T)."""

from dataclasses import dataclass
from typing import ClassVar

from modalities.nn.conditional import ConditionalUNet
from modalities.nn.shape import Shape


class SpectrogramUNet(ConditionalUNet):
    """The two-dimensional U-Net of images; real and imaginary parts are channels."""


@dataclass(frozen=True, kw_only=True)
class WaveShape(Shape):
    """Waveforms are long: many samples become channels of one position, and levels lie far apart."""

    patch: int = 16
    factors: int | tuple[int, ...] = 4


class WaveformUNet(ConditionalUNet):
    """`patch` samples become channels of one position, then strided stages shrink the positions by `factors`.

    The stem and the head have kernels of `kernel` positions, so neighbouring patches overlap: a learned filter bank.
    """

    Options: ClassVar[type[Shape]] = WaveShape
    rank = 1
