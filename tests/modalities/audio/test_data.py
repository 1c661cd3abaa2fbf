"""Sounds of every format, rate, length and channel count come out as int16 (C, T), and only the crop is read."""

import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from modalities.audio.data import source
from modalities.data import item as item_module
from modalities.data.example import Example, Source

G = torch.Generator()
RAMP = (np.arange(6000) * 5 - 15_000).astype(np.int16)
"""Every sample tells its own place."""


def read(found: Source, index: int = 0, seed: int = 0) -> Example:
    return found.read(index, G.manual_seed(seed))


def tone(count: int = 20_000, channels: int = 1, hz: float = 440, rate: int = 8000) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(count) / rate)
    return np.stack([wave * (1 + c) / channels for c in range(channels)], -1)


@pytest.mark.parametrize(
    ("ending", "subtype", "bits"),
    [
        ("wav", "PCM_16", 16),
        ("wav", "PCM_24", 16),
        ("wav", "PCM_32", 16),
        ("wav", "PCM_U8", 8),
        ("wav", "FLOAT", 16),
        ("wav", "DOUBLE", 16),
        ("flac", "PCM_16", 16),
        ("flac", "PCM_24", 16),
        ("aiff", "PCM_16", 16),
        ("au", "PCM_16", 16),
        ("caf", "PCM_16", 16),
        ("w64", "PCM_16", 16),
    ],
)
def test_lossless_formats_come_back_sample_for_sample(tmp_path: Path, ending: str, subtype: str, bits: int) -> None:
    wave = RAMP / 32768 if subtype in ("FLOAT", "DOUBLE") else RAMP
    soundfile.write(tmp_path / f"a.{ending}", wave, 8000, subtype=subtype)
    example = read(source(tmp_path, samples=6000))
    assert (example.media.dtype, example.media.shape, example.rate) == (torch.int16, (1, 6000), 8000)
    error = (example.media[0].int() - torch.from_numpy(RAMP).int()).abs().max()
    assert error < 1 << (16 - bits) or error == 0


@pytest.mark.parametrize("ending", ["ogg", "opus", "mp3"])
def test_lossy_formats_come_back_at_their_level(tmp_path: Path, ending: str) -> None:
    wave = tone()[:, 0]
    format = {"opus": "OGG", "ogg": "OGG", "mp3": "MP3"}[ending]
    subtype = {"opus": "OPUS"}.get(ending)
    soundfile.write(tmp_path / f"a.{ending}", wave, 8000, format=format, subtype=subtype)
    media = read(source(tmp_path, samples=8192)).media[0].double() / 32768
    assert media.square().mean().sqrt() == pytest.approx(0.5 / 2**0.5, rel=0.05)
    spectrum = torch.fft.rfft(media * torch.hann_window(8192, dtype=torch.float64)).abs()
    assert float(spectrum.argmax()) * 8000 / 8192 == pytest.approx(440, abs=1)


def test_loud_and_broken_floats_are_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([2.0, -2.0, np.nan, 0.5, -1.0]), 8000, subtype="FLOAT")
    assert read(source(tmp_path, samples=5)).media[0].tolist() == [32767, -32768, 0, 16384, -32768]


def test_channels_are_mixed_and_repeated(tmp_path: Path) -> None:
    stereo = np.stack([RAMP, -RAMP // 2], -1)
    soundfile.write(tmp_path / "a.wav", stereo, 8000)
    both = read(source(tmp_path, samples=6000, channels=2)).media
    assert torch.equal(both, torch.from_numpy(stereo).T)
    one = read(source(tmp_path, samples=6000)).media
    torch.testing.assert_close(one[0].float(), both.float().mean(0), atol=0.5, rtol=0)
    soundfile.write(tmp_path / "a.wav", RAMP, 8000)
    assert torch.equal(read(source(tmp_path, samples=6000, channels=2)).media, torch.from_numpy(RAMP).expand(2, -1))
    soundfile.write(tmp_path / "a.wav", np.stack([RAMP, RAMP, RAMP * 0], -1), 8000)
    assert read(source(tmp_path, samples=6000, channels=2)).media.shape == (2, 6000)


def test_a_file_at_another_rate_gives_as_many_seconds(tmp_path: Path) -> None:
    for rate in (4000, 8000, 11025, 44100):
        soundfile.write(tmp_path / f"{rate}.wav", tone(3 * rate, rate=rate)[:, 0], rate)
    found = source(tmp_path, samples=8192, sample_rate=8000)
    for i, rate in enumerate((4000, 8000, 11025, 44100)):
        example = read(found, i)
        assert (example.rate, example.name) == (rate, f"{rate}.wav")
        assert example.media.shape[1] == -(-8192 * rate // 8000)  # rounded up: resampling must not come out short


def test_shorter_is_followed_by_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", RAMP, 8000)
    media = read(source(tmp_path, samples=7000)).media[0]
    assert torch.equal(media[:6000], torch.from_numpy(RAMP))
    assert not media[6000:].any()


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_crops_begin_anywhere_and_are_exact(tmp_path: Path, ending: str) -> None:
    soundfile.write(tmp_path / f"a.{ending}", RAMP, 8000)
    found = source(tmp_path, samples=5998)
    starts = []
    for seed in range(40):
        media = read(found, seed=seed).media[0]
        starts.append((int(media[0]) + 15_000) // 5)
        assert torch.equal(media, torch.from_numpy(RAMP)[starts[-1] : starts[-1] + 5998])
    assert set(starts) == {0, 1, 2}
    assert torch.equal(read(found, seed=7).media, read(pickle.loads(pickle.dumps(found)), seed=7).media)


@pytest.mark.parametrize("ending", ["mp3", "ogg"])
def test_a_crop_does_not_depend_on_what_was_read_before(tmp_path: Path, ending: str) -> None:
    soundfile.write(tmp_path / f"a.{ending}", np.random.default_rng(0).normal(size=100_000) * 0.1, 8000)
    found, other = source(tmp_path, samples=2000), source(tmp_path, samples=2000)
    first = [read(found, seed=seed).media for seed in range(6)]
    again = [read(other, seed=seed).media for seed in reversed(range(6))]
    assert all(torch.equal(a, b) for a, b in zip(first, reversed(again), strict=True))


def test_an_hour_of_sound_is_sought_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A recording of zeros with one marked second, sparse on disk and inside a tar, where what is read can be counted.
    count = 3600 * 8000
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8, np.int16), 8000, format="WAV")
    head = bytearray(file.getvalue()[:44])
    head[4:8], head[40:44] = (36 + 2 * count).to_bytes(4, "little"), (2 * count).to_bytes(4, "little")
    with (tmp_path / "a.wav").open("wb") as wav:
        wav.write(head)
        wav.truncate(44 + 2 * count)
    info = tarfile.TarInfo("a.wav")
    info.size = 44 + 2 * count
    with (tmp_path / "a.tar").open("wb") as tar:
        tar.write(info.tobuf())
        tar.write(head)
        tar.seek(512 + 44 + 2 * 20_000_000)
        tar.write(np.arange(8192, dtype=np.int16).tobytes())
        tar.truncate((512 + 44 + 2 * count + 511) // 512 * 512 + 1024)
    amount = []
    into = item_module.Window.readinto
    monkeypatch.setattr(item_module.Window, "readinto", lambda self, b: amount.append(into(self, b)) or amount[-1])
    found = source(tmp_path / "a.tar", samples=8192)
    where = 20_000_000.5 / (count - 8192 + 1)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(where, dtype=torch.float64))
    assert torch.equal(read(found).media[0], torch.arange(8192, dtype=torch.int16))
    assert sum(amount) < 1_000_000  # of 57.6 million
    assert not read(source(tmp_path / "a.wav", samples=8192)).media.any()


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize("samples", [4000, 30_000])
def test_a_truncated_file_is_replaced_and_named(tmp_path: Path, ending: str, samples: int) -> None:
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.{ending}", tone(hz=300 + 100 * i)[:, 0], 8000)
    data = (tmp_path / f"1.{ending}").read_bytes()
    assert read(source(tmp_path, samples=samples), 1).bad == ()
    for part in (0.0, 0.01, 0.5, 0.9):
        (tmp_path / f"1.{ending}").write_bytes(data[: int(len(data) * part)])
        found = source(tmp_path, samples=samples)
        example = read(found, 1, seed=3)
        assert example.name == f"2.{ending}"
        assert torch.equal(example.media, read(found, 2, seed=3).media)
        assert len(example.bad) == 1
        assert example.bad[0].startswith(f"1.{ending}: ")
        assert "\n" not in example.bad[0]


def test_a_truncated_wav_says_how_much_it_lacks(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", RAMP, 8000)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=r"\(all\): a\.wav: truncated: it lacks 100 bytes of what its header promises$"
    ):
        read(source(tmp_path))


def test_a_file_without_samples_is_bad(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", RAMP[:0], 8000)
    with pytest.raises(ValueError, match=r"a\.wav: it holds no samples$"):
        read(source(tmp_path))


def test_spoken_digits_are_the_very_samples(shared_data: Callable[[str], Path]) -> None:
    found = source(shared_data("fsdd"), "test", samples=8192)
    assert found.classes == tuple("0123456789")
    with tarfile.open(shared_data("fsdd") / "fsdd-test-00000.tar") as tar:
        for i in (0, 100, 299):
            example = read(found, i)
            member = tar.extractfile(example.name.split("/", 1)[1])
            assert member is not None
            wave, rate = soundfile.read(io.BytesIO(member.read()), dtype="int16")
            count = min(len(wave), 8192)
            assert (example.rate, rate) == (8000, 8000)
            assert torch.equal(example.media[0, :count], torch.from_numpy(wave[:count]))


def test_audio_inside_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    file = io.BytesIO()
    soundfile.write(file, RAMP, 8000, format="FLAC")
    write_table(
        pyarrow.table({"audio": [{"bytes": file.getvalue(), "path": None}], "label": [2]}), tmp_path / "a.parquet"
    )
    example = read(source(tmp_path, samples=6000))
    assert torch.equal(example.media[0], torch.from_numpy(RAMP))
    assert example.label == 2


def test_no_path_is_the_embedded_generator() -> None:
    assert read(source(None, "test", samples=4096, sample_rate=16_000, channels=2)).media.shape == (2, 4096)
    with pytest.raises(ValueError, match="each must be at least 1"):
        source(None, samples=0)
