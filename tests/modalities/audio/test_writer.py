"""WAV files, read back with the standard library."""

import wave
from pathlib import Path

import pytest
import torch

from modalities.audio.writer import write


@pytest.mark.parametrize(("channels", "rate"), [(1, 8000), (2, 44100)])
def test_wav_is_lossless_16_bit_at_the_rate(channels: int, rate: int, tmp_path: Path) -> None:
    media = torch.randint(-32768, 32768, (channels, 777)).to(torch.int16)
    media[0, :2] = torch.tensor([-32768, 32767])
    write(media, tmp_path / "x.wav", rate)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (channels, rate, 2)
        back = torch.frombuffer(bytearray(file.readframes(10_000)), dtype=torch.int16).view(-1, channels).T
    torch.testing.assert_close(back, media, rtol=0, atol=0)
