"""Clips of every format, size and length come out as uint8 (T, size, size, C), from exact places."""

import csv
import io
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modalities.data import item as item_module
from modalities.data.example import Example, Source
from modalities.video.data import source

G = torch.Generator()


def read(found: Source, index: int = 0, seed: int = 0) -> Example:
    return found.read(index, G.manual_seed(seed))


def write(path: Path, frames: Sequence[np.ndarray], codec: str = "libx264", rate: int = 8, **options: Any) -> Path:
    """Write (H, W, 3) frames with PyAV; near lossless where the codec can."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    gop, pixels, rotation = options.pop("gop", 12), options.pop("pixels", "yuv420p"), options.pop("rotation", 0)
    if codec == "libx264":
        options = {"crf": "1", "threads": "1", **options}
    with av.open(str(path), "w", options=options.pop("container", {})) as box:
        stream = box.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        if codec != "gif":
            stream.codec_context.gop_size = gop
        if rotation:
            stream.set_display_rotation(rotation)
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            box.mux(stream.encode(frame))
        box.mux(stream.encode())
    return path


def numbered(count: int, size: int = 32) -> list[np.ndarray]:
    """Frame k is grey with level 20 + 5 k mod 200, so each tells its number among 40."""
    return [np.full((size, size, 3), 20 + 5 * (k % 40), np.uint8) for k in range(count)]


def numbers(media: torch.Tensor) -> list[int]:
    return [round((level - 20) / 5) for level in media.float().mean((1, 2, 3)).tolist()]


FORMATS = {
    "mp4": {},
    "mov": {},
    "mkv": {"codec": "ffv1", "pixels": "bgr0"},
    "webm": {"codec": "libvpx-vp9", "crf": "4", "b": "0", "deadline": "realtime", "cpu-used": "8"},
    "avi": {"codec": "mpeg4", "qmin": "1", "qmax": "2"},
    "gif": {"codec": "gif", "pixels": "gray"},
    "mpg": {"codec": "mpeg1video", "rate": 25, "qmin": "1", "qmax": "2"},
    "ts": {"codec": "mpeg2video", "rate": 25, "qmin": "1", "qmax": "2"},
}


@pytest.mark.parametrize("ending", [e for e in FORMATS if e != "ts"])
def test_every_format_gives_consecutive_frames_from_anywhere(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"a.{ending}", numbered(40), **FORMATS[ending])
    found = source(tmp_path, frames=8)
    starts = set()
    for seed in range(25):
        example = read(found, seed=seed)
        assert (example.media.dtype, example.media.shape) == (torch.uint8, (8, 32, 32, 3))
        seen = numbers(example.media)
        assert seen == list(range(seen[0], seen[0] + 8))
        starts.add(seen[0])
    assert min(starts) <= 4  # 25 draws among 33 places
    assert max(starts) >= 28
    assert torch.equal(read(pickle.loads(pickle.dumps(found)), seed=3).media, read(found, seed=3).media)


@pytest.mark.parametrize("ending", ["mp4", "webm", "gif"])
def test_stride_keeps_every_nth_frame(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"a.{ending}", numbered(40), **FORMATS[ending])
    for seed in range(6):
        seen = numbers(read(source(tmp_path, frames=6, stride=5), seed=seed).media)
        assert seen == list(range(seen[0], seen[0] + 26, 5))
    exact = numbers(read(source(tmp_path, frames=14, stride=3)).media)
    assert exact == list(range(0, 40, 3))


def test_b_frames_and_keyframes_do_not_shift_the_start(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", numbered(200), gop=30, bf="3", preset="medium")
    found = source(tmp_path, frames=4)
    for seed in range(20):
        where = torch.rand((), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).item()
        start = int(where * 197)
        assert numbers(read(found, seed=seed).media) == [(start + k) % 40 for k in range(4)]


def test_a_long_film_is_sought_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(30)]
    write(tmp_path / "film.mp4", [noise[k % 30] for k in range(900)], crf="20", preset="ultrafast")
    size = (tmp_path / "film.mp4").stat().st_size
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "film.mp4", "film.mp4")
    monkeypatch.setattr(item_module, "WHOLE", 1000)
    amount = []
    into = item_module.Window.readinto
    monkeypatch.setattr(item_module.Window, "readinto", lambda self, b: amount.append(into(self, b)) or amount[-1])
    found = source(tmp_path / "a.tar", frames=4)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.93).double())
    found_media = read(found).media
    assert size > 2_000_000
    assert sum(amount) < size / 4
    monkeypatch.undo()
    alone = source(tmp_path / "film.mp4", frames=4)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.93).double())
    assert torch.equal(read(alone).media, found_media)


def test_colours_survive_the_way_through_yuv(tmp_path: Path) -> None:
    colours = [(235, 64, 52), (46, 204, 113), (66, 103, 255), (0, 0, 0), (255, 255, 255), (120, 120, 120)]
    frames = [np.tile(np.array(c, np.uint8), (32, 32, 1)) for c in colours for _ in range(2)]
    write(tmp_path / "a.mp4", frames)
    media = read(source(tmp_path, frames=12)).media[::2, 16, 16].float()
    torch.testing.assert_close(media, torch.tensor(colours).float(), atol=4, rtol=0)
    grey = read(source(tmp_path, frames=12, channels=1)).media
    assert grey.shape == (12, 32, 32, 1)
    luma = torch.tensor(colours).float() @ torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(grey[::2, 16, 16, 0].float(), luma, atol=4, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 64), (120, 60), (16, 24)])
def test_other_sizes_cover_the_square_and_are_cropped_at_the_centre(tmp_path: Path, height: int, width: int) -> None:
    x = np.tile(((np.arange(width) + 0.5) * 200 / width)[None, :, None], (height, 1, 3)).astype(np.uint8)
    write(tmp_path / "a.mkv", [x] * 4, codec="ffv1", pixels="bgr0")
    found = read(source(tmp_path, frames=4)).media[0, 16, :, 0].float()
    short = min(height, width)
    centres = (width - short) / 2 + (torch.arange(32) + 0.5) * short / 32
    torch.testing.assert_close(found[3:-3], (centres * 200 / width)[3:-3], atol=3, rtol=0)


def test_rotation_in_the_file_is_applied(tmp_path: Path) -> None:
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[:16, :16] = 200  # upper left
    write(tmp_path / "a.mp4", [np.rot90(upright, -1).copy()] * 4, rotation=90)
    media = read(source(tmp_path, frames=4)).media[0, :, :, 0].float()
    assert media[4:12, 4:12].mean() == pytest.approx(200, abs=5)
    assert max(media[4:12, 20:28].mean(), media[20:28, 4:12].mean(), media[20:28, 20:28].mean()) < 5


def test_clips_shorter_than_asked_for_say_so(tmp_path: Path) -> None:
    for i, count in enumerate((9, 20, 20)):
        write(tmp_path / f"{i}.mp4", numbered(count))
    example = read(source(tmp_path, frames=16))
    assert (example.name, example.bad) == ("1.mp4", ("0.mp4: it has 9 frames, fewer than the 16 that the clip takes",))
    with pytest.raises(ValueError, match=r"0\.mp4: it has 9 frames, fewer than the 31 that the clip takes"):
        read(source(tmp_path, frames=16, stride=2))


@pytest.mark.parametrize("ending", ["mp4", "webm", "avi", "gif", "mkv"])
def test_a_truncated_file_is_replaced_and_named(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (32, 32, 3), np.uint8) for _ in range(20)]
    for i in range(3):
        write(tmp_path / f"{i}.{ending}", frames[i:], **FORMATS[ending])
    data = (tmp_path / f"1.{ending}").read_bytes()
    found = source(tmp_path, frames=16)
    for part in (0.0, 0.01, 0.5, 0.75):
        (tmp_path / f"1.{ending}").write_bytes(data[: int(len(data) * part)])
        example = read(found, 1, seed=3)
        assert example.name == f"2.{ending}"
        assert torch.equal(example.media, read(found, 2, seed=3).media)
        assert len(example.bad) == 1
        assert example.bad[0].startswith(f"1.{ending}: ")
        assert "\n" not in example.bad[0]


def test_sound_without_pictures_is_bad(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.ogg", np.zeros(8000), 8000)
    (tmp_path / "a.ogg").rename(tmp_path / "a.ogv")
    with pytest.raises(ValueError, match=r"a\.ogv: it holds no video$"):
        read(source(tmp_path))


def test_sprites_are_the_very_frames(shared_data: Callable[[str], Path]) -> None:
    from PIL import Image, ImageSequence

    found = source(shared_data("sprites"), "test", size=64, frames=8)
    assert len(found.classes) == 12
    with tarfile.open(shared_data("sprites") / "sprites-test-00000.tar") as tar:
        for i in (0, 100, 239):
            example = read(found, i)
            member = tar.extractfile(example.name.split("/", 1)[1])
            assert member is not None
            gif = Image.open(io.BytesIO(member.read()))
            frames = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)])
            assert torch.equal(example.media, torch.from_numpy(frames))
            assert example.caption.startswith("a character with ")
            assert 0 <= example.label < 12


def test_moving_mnist_as_its_maker_writes_it(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    maker = [sys.executable, str(shared_data("moving_mnist") / "make_moving_mnist.py"), "--preset", "small"]
    arguments = ["--num", "12", "--crf", "0", "--format", "both", "--out", str(tmp_path / "c"), "--split", "test"]
    subprocess.run(maker + arguments, check=True, capture_output=True)
    found = source(tmp_path / "c", channels=1)
    assert found.classes == tuple("0123456789")
    rows = list(csv.DictReader((tmp_path / "c/labels.csv").open()))
    frames = np.load(tmp_path / "c/moving_mnist.npz")["frames"]
    label = {row["file_name"]: (int(row["label"]), clip) for row, clip in zip(rows, frames, strict=True)}
    assert len(found) == 12
    for i in range(12):
        example = read(found, i)
        assert example.label == label[example.name][0]
        assert torch.equal(example.media[..., 0], torch.from_numpy(label[example.name][1]))


def test_no_path_is_the_embedded_generator() -> None:
    assert read(source(None, "test", size=16, frames=4, channels=1)).media.shape == (4, 16, 16, 1)
    with pytest.raises(ValueError, match="each must be at least 1"):
        source(None, frames=0)
