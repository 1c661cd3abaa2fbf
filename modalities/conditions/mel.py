"""A log-mel spectrogram as condition: the model is a vocoder (Chen et al. 2021, «WaveGrad»; Kong et al. 2021).

    row = log-mel of the sound, (n_mels, T/hop) natural logarithms      see `modalities.references.mel`

Beside a waveform each frame is repeated over the positions that it covers. Beside a spectrogram each linear bin reads
the log-amplitude of the mels that cover it, so the network sees where the energy lies and has the phase to find.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from modalities.nn.concat import presented
from modalities.references import bind
from modalities.references.files import read
from modalities.references.mel import Mel as LogMel
from modalities.references.mel_files import SUFFIXES, load
from modalities.references.value import parse

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.modality import Modality


@dataclass(frozen=True, kw_only=True)
class Mel:
    """n_mels: filters; n_fft, hop: samples of a window and between windows; fmin, fmax: Hz, fmax null is half the rate;
    floor: lowest amplitude, of 1; dropout: share of examples without it. Channels of a sound are averaged."""

    enters: ClassVar[str] = "concat"
    word: ClassVar[str] = "reference"
    measured: ClassVar[tuple[str, ...]] = ()
    n_mels: int = 40
    n_fft: int = 256
    hop: int = 64
    fmin: float = 0.0
    fmax: float | None = None
    floor: float = 1e-3
    dropout: float = 0.0
    media: "Modality" = field(init=False, repr=False, compare=False)
    log_mel: LogMel = field(init=False, repr=False, compare=False)

    def bound(self, media: "Modality") -> Self:
        if not hasattr(media, "view"):
            what = "latents" if media.name == "audio" else f"modality={media.name}"
            raise ValueError(f"mel: a mel spectrogram is of sounds, not of {what}")
        options = {name: getattr(self, name) for name in ("n_mels", "n_fft", "hop", "fmin", "fmax", "floor")}
        log_mel = LogMel(sample_rate=media.sample_rate, **options)  # type: ignore[attr-defined]
        log_mel.bank()
        if media.samples % self.hop:  # type: ignore[attr-defined]
            raise ValueError(f"mel: hop={self.hop} must divide samples={media.samples}")  # type: ignore[attr-defined]
        return bind.bound(self, media, log_mel=log_mel)

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        return {}

    def of(self, batch: "Batch | None", x0: Tensor, generator: Generator) -> Tensor:
        return self.taken(x0)

    def taken(self, x0: Tensor) -> Tensor:
        """The log-mel of sounds x0 (B, *event): (B, n_mels, samples/hop)."""
        wave: Tensor = self.media.view.decode(x0.float())  # type: ignore[attr-defined]
        return self.log_mel(wave.mean(dim=1))

    def said(self, batch: "Batch") -> Sequence[Any]:
        return [None] * len(batch)

    def given(self, value: Any) -> Tensor:
        """The row (1, n_mels, N) of a mel in .npy or .safetensors, or of a sound, each in its own length."""
        if str(value).endswith(SUFFIXES):
            return load(str(value), self.log_mel)[None]
        step = math.lcm(self.hop, getattr(self.media, "hop", 1) if len(self.media.event_shape) == 3 else 1)
        return self.taken(read(parse(str(value)), self.media, whole=step).x0[None])

    def event_shape(self, row: Tensor) -> tuple[int, ...]:
        """That of the sound for a row (1, n_mels, N). Raises ValueError where no sound of the model is so long."""
        media = self.media
        shape: tuple[int, ...] = media.view.event_shape(media.channels, row.shape[-1] * self.hop)  # type: ignore[attr-defined]
        return shape

    def empty(self) -> Tensor:
        return bind.nothing(self.n_mels, 1)

    def module(self, channels: int) -> nn.Module:
        return MelSignal(self.log_mel, rank=len(self.media.event_shape) - 1)


class MelSignal(nn.Module):
    """Rows (B, n_mels, N) -> (B, n_mels + 1, N) beside waveforms, (B, 2, bins, N) beside spectrograms, about -1 to 1.

    Bin n_fft/2 of a spectrogram is packed with bin 0 (see `modalities.audio.representation`), so it is left out here.
    """

    weights: Tensor

    def __init__(self, log_mel: LogMel, *, rank: int) -> None:
        super().__init__()
        self.log_mel, self.rank, self.folded = log_mel, rank, rank == 2
        self.channels = log_mel.n_mels + 1 if rank == 1 else 2
        self.register_buffer("weights", log_mel.spread()[:-1] if rank == 2 else torch.empty(0), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        shown = presented(self.log_mel.scaled(rows))
        if self.rank == 1:
            return shown
        bins = self.weights.to(shown) @ shown[:, :-1]
        return torch.stack([bins, shown[:, -1:].expand_as(bins)], dim=1)


mel = Mel
