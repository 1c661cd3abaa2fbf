"""Any sound that libsndfile reads -> int16 (C, T) at the file's own rate, T long enough for the samples asked for.

Only the crop is read, however long the file. Resampling follows on the device, in batches; so a file at twice the rate
gives twice the samples. Channels are averaged to one and repeated where their number differs from the one asked for.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from modalities.data.example import BadFile
from modalities.data.item import Item
from modalities.data.whole import missing

ENDLESS = 1 << 40
"""libsndfile's frame count for a stream of unknown length lies beyond this."""


@dataclass(frozen=True)
class AudioDecoder:
    """`decode(item, where) -> (int16 (channels, need), rate)` with need = ceil(samples * rate / sample_rate).

    The crop begins at the fraction `where` of the possible places; a shorter sound is followed by silence.
    """

    samples: int
    sample_rate: int
    channels: int
    whole: set[str] = field(default_factory=set, repr=False, compare=False)
    """Long compressed files whose end this process has seen: to find it may take longer than to read a crop."""

    def __call__(self, item: Item, where: float) -> tuple[Tensor, int]:
        import soundfile

        try:
            with item.stream() as file:
                if lacking := missing(file):
                    raise BadFile(f"truncated: it lacks {lacking} bytes of what its header promises")
                file.seek(0)
                with soundfile.SoundFile(item.path or file) as sound:
                    return self._crop(sound, item, where), int(sound.samplerate)
        except soundfile.LibsndfileError as error:
            raise BadFile(f"libsndfile cannot read it: {error.error_string.rstrip('.')}") from error

    def _crop(self, sound: Any, item: Item, where: float) -> Tensor:
        total = sound.frames if sound.frames < ENDLESS else 0
        need = -(-self.samples * sound.samplerate // self.sample_rate)
        if not sound.frames:
            raise BadFile("it holds no samples")
        if total > need:
            if sound.format in ("FLAC", "MP3") and item.name not in self.whole:
                check_end(item)
                self.whole.add(item.name)
            sound.seek(int(where * (total - need + 1)))
        wave = read(sound, need)
        if len(wave) < 0.99 * min(need, total):
            raise BadFile(f"truncated: it promises {total} samples and ends before")
        wave = mix(wave, self.channels)
        out = torch.zeros(self.channels, need, dtype=torch.int16)
        out[:, : len(wave)] = wave.T
        return out


def check_end(item: Item) -> None:
    """Raise BadFile where a FLAC or MP3 file stops before the length in its header.

    One percent is allowed: the length of an MP3 without an index is an estimate. The file is opened once more for this,
    because what an MP3 decoder gives after a jump may depend on where it was before.
    """
    import soundfile

    with item.stream() as file, soundfile.SoundFile(item.path or file) as sound:
        sound.seek(int(0.99 * sound.frames))
        if not len(sound.read(1)):
            raise BadFile(f"truncated: it promises {sound.frames} samples and ends before")


def read(sound: Any, count: int) -> Tensor:
    """The next `count` samples, or as many as there are: int16 (T, C)."""
    if sound.subtype.startswith("PCM_"):
        return torch.from_numpy(sound.read(count, dtype="int16", always_2d=True))
    # Asked for integers, libsndfile truncates floats of +-1 to 0 and +-1. Beyond +-1 they are clipped.
    wave = torch.from_numpy(sound.read(count, dtype="float32", always_2d=True)).nan_to_num_()
    return (wave * 32768).round_().clamp_(-32768, 32767).to(torch.int16)


def mix(wave: Tensor, channels: int) -> Tensor:
    """int16 (T, C) -> (T, channels)."""
    if wave.shape[1] == channels:
        return wave
    if wave.shape[1] > 1:
        wave = wave.float().mean(dim=1, keepdim=True).round().to(torch.int16)
    return wave.expand(-1, channels)
