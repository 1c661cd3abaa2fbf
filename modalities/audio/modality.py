"""The audio modality: sounds of one length at one sample rate, as a waveform or as a complex spectrogram."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Generator, Tensor, nn

from modalities.audio.prepare import LOUDNESS, fit, level, to_float, to_int16
from modalities.audio.representation import Spectrogram, Waveform
from modalities.data.compositions import check_embedded

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.data.example import Source


@dataclass(frozen=True, kw_only=True)
class AudioModality:
    """Stored media: int16 (C, samples). x0: (C, samples), or (2C, n_fft/2, samples/hop) as a spectrogram.

    sample_rate: in Hz; samples: length of a sound; channels: 1 mono, 2 stereo, …; representation: waveform or
    spectrogram, the latter with n_fft, hop (in samples) and power (1 is no compression of amplitude); scale: factor
    that gives x0 about unit scale; loudness: as_is, or each sound to one peak or one root mean square;
    embedded: what is generated where there are no files, simple (one tone, its class) or composed (melodies, captions).
    """

    name: ClassVar[str] = "audio"
    suffix: ClassVar[str] = ".wav"
    sample_rate: int = 8000
    samples: int = 8192
    channels: int = 1
    representation: str = "waveform"
    n_fft: int = 128
    hop: int = 64
    power: float = 0.5
    scale: float = 1.0
    loudness: str = "as_is"
    embedded: str = "simple"
    view: Waveform | Spectrogram = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for option in ("sample_rate", "samples", "channels", "scale"):
            if not getattr(self, option) > 0:
                raise ValueError(f"{option}={getattr(self, option)} must be above 0")
        if self.loudness not in LOUDNESS:
            raise ValueError(f"unknown loudness {self.loudness!r}; choose one of {', '.join(LOUDNESS)}")
        check_embedded(self.embedded)
        view: Waveform | Spectrogram
        if self.representation == "waveform":
            view = Waveform(self.scale)
        elif self.representation == "spectrogram":
            view = Spectrogram(self.n_fft, self.hop, self.power, self.scale)
        else:
            raise ValueError(f"unknown representation {self.representation!r}; choose waveform or spectrogram")
        view.event_shape(self.channels, self.samples)
        object.__setattr__(self, "view", view)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.view.event_shape(self.channels, self.samples)

    def source(self, path: Path | None, split: str) -> "Source":
        from modalities.audio.data import source

        samples, rate, channels = self.samples, self.sample_rate, self.channels
        return source(path, split, samples=samples, sample_rate=rate, channels=channels, embedded=self.embedded)

    def prepare(self, batch: "Batch", generator: Generator | None) -> Tensor:
        """-> int16 (B, C, samples) at the sample rate of this modality. Nothing is random."""
        wave = batch.gather(lambda media, rate: fit(media, rate, self.sample_rate, self.samples, self.channels))
        return to_int16(level(wave, self.loudness))

    def encode(self, media: Tensor) -> Tensor:
        return self.view.encode(to_float(media))

    def decode(self, x: Tensor) -> Tensor:
        return to_int16(self.view.decode(x.float()))

    def network(self, *, in_channels: int | None = None, **options: Any) -> nn.Module:
        from modalities.audio import network

        backbone = network.WaveformUNet if self.representation == "waveform" else network.SpectrogramUNet
        return backbone(in_channels=in_channels or self.event_shape[0], **options)

    def write(self, media: Tensor, path: Path) -> None:
        from modalities.audio.writer import write

        write(media, path, self.sample_rate)

    def sheet(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        from modalities.audio.sheet import sheet

        sheet(media, path, captions, sample_rate=self.sample_rate)

    def strip(self, media: Tensor, path: Path, captions: Sequence[str] = ()) -> None:
        from modalities.audio.sheet import strip

        strip(media, path, captions, sample_rate=self.sample_rate)


modality = AudioModality
