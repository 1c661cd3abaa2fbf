"""The space in which things are measured and compared: pixels in [-1, 1], or the samples of a waveform.

A model of pixels or waveforms works in that space itself. One of spectrograms has its own, z = encode(w), and what is
measured of the waveform is then measured through its view:

    y = A(decode(z)),     the z nearest z' that fits y  ~  encode(the w nearest decode(z') that fits y)

The second is a signal that fits y exactly, since decode(encode(w)) = w; it is nearest in the waveform, not in z. A
model of latents is one more such view, through its autoencoder, and the fit as near as that one reconstructs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from core.measurement import Operator, project
from modalities.audio.prepare import to_float, to_int16
from modalities.audio.representation import Spectrogram
from modalities.latents.media import LatentMedia
from modalities.modality import Modality

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Space:
    """Four changes of representation, each on a batch.

    read: stored units -> signal; stored: signal -> stored units, exact on what `read` gave; x0 and signal: between the
    signal and the model's space, None where they are the same. unit: what full scale (0 to 255, or 0 to 1 of a
    waveform) is in the signal; time: the axis of time, counted from the end, None for a still; rate: elements of that
    axis per second.
    """

    read: Change
    stored: Change
    unit: float
    x0: Change | None = None
    signal: Change | None = None
    time: int | None = None
    rate: float = 1.0

    def to_x0(self, signal: Tensor) -> Tensor:
        return self.x0(signal) if self.x0 else signal

    def to_signal(self, x0: Tensor) -> Tensor:
        return self.signal(x0) if self.signal else x0

    def operator(self, operator: Operator) -> Operator:
        """`operator`, which acts on signals, as one that acts on x0."""
        return Through(self, operator) if self.signal else operator


@dataclass(frozen=True)
class Through:
    """`operator(signal of x0)`, differentiable; not linear, but a fit is known wherever the operator knows one."""

    space: Space
    inner: Operator

    def __call__(self, x0: Tensor) -> Tensor:
        return self.inner(self.space.to_signal(x0))

    def project(self, x0: Tensor, y: Tensor) -> Tensor:
        return self.space.to_x0(project(self.inner, self.space.to_signal(x0), y)).to(x0.dtype)


def space_of(media: Modality) -> Space:
    """The space in which files of a modality are measured."""
    if isinstance(media, LatentMedia):
        return latent(media, space_of(media.media))
    view = getattr(media, "view", None)
    if view is not None:
        rate = float(media.sample_rate)  # type: ignore[attr-defined]
        if isinstance(view, Spectrogram):
            return Space(to_float, to_int16, 1.0, view.encode, view.decode, time=-1, rate=rate)
        return Space(media.encode, media.decode, view.scale, time=-1, rate=rate)
    if media.name == "video":
        return Space(media.encode, media.decode, 2.0, time=-3, rate=media.fps)  # type: ignore[attr-defined]
    return Space(media.encode, media.decode, 2.0)


def latent(media: LatentMedia, inner: Space) -> Space:
    """The space of the media that an autoencoder sees."""

    def x0(signal: Tensor) -> Tensor:
        return media.encode(media.latents(inner.to_x0(signal)))

    def signal(x0: Tensor) -> Tensor:
        return inner.to_signal(media.decoded(x0))

    return replace(inner, x0=x0, signal=signal)
