"""Images of every mode, size and container come out as uint8 (C, size, size) with the right pixels in them."""

import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from modalities.data.example import Example, Source
from modalities.image.data import source

G = torch.Generator()


def read(found: Source, index: int = 0, seed: int = 0) -> Example:
    return found.read(index, G.manual_seed(seed))


def save(path: Path, image: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def picture(height: int = 32, width: int = 32, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Smooth random colours, so that lossy formats and resampling keep them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 32
    waves = [np.sin(rng.normal() * 2 * x + rng.normal() * 2 * y + rng.normal() * 3) for _ in range(channels)]
    return (np.stack(waves, -1) * 100 + 127).round().astype(np.uint8)


def pixels(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.copy()).view(*array.shape[:2], -1).permute(2, 0, 1)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "ppm", "webp", "tga", "qoi", "jp2"])
def test_lossless_formats_come_back_bit_for_bit(tmp_path: Path, ending: str) -> None:
    from PIL import Image

    options = {"webp": {"lossless": True}}.get(ending, {})
    save(tmp_path / f"a.{ending}", Image.fromarray(picture()), **options)
    example = read(source(tmp_path))
    assert example.media.dtype == torch.uint8
    assert torch.equal(example.media, pixels(picture()))


@pytest.mark.parametrize(("ending", "error"), [("jpg", 3), ("webp", 4), ("gif", 30), ("avif", 4)])
def test_lossy_formats_come_back_close(tmp_path: Path, ending: str, error: float) -> None:
    from PIL import Image

    options = {"jpg": {"quality": 95}, "webp": {"quality": 95}, "avif": {"quality": 95}}.get(ending, {})
    save(tmp_path / f"a.{ending}", Image.fromarray(picture()), **options)
    assert (read(source(tmp_path)).media.float() - pixels(picture())).abs().mean() < error


def test_modes_are_flattened_to_the_channels_asked_for(tmp_path: Path) -> None:
    from PIL import Image

    colour = np.array([200, 100, 50], np.uint8)
    grey = round(float(colour @ [0.299, 0.587, 0.114]))
    flat = np.tile(colour, (8, 8, 1))
    palette = Image.fromarray(flat).quantize(4)
    half = np.dstack([flat, np.full((8, 8), 128, np.uint8)])
    clear = Image.fromarray(np.zeros((8, 8), np.uint8), "P")
    clear.putpalette([255, 255, 255, *colour])
    cases: dict[str, tuple[Any, list[int]]] = {
        "rgb": (Image.fromarray(flat), [200, 100, 50]),
        "palette": (palette, [200, 100, 50]),
        "half transparent over black": (Image.fromarray(half), [100, 50, 25]),
        "grey": (Image.fromarray(flat[..., 0]), [200, 200, 200]),
        "grey with alpha": (Image.fromarray(np.dstack([flat[..., 0], flat[..., 1] * 0]), "LA"), [0, 0, 0]),
        "one bit": (Image.fromarray(flat[..., 0]).convert("1", dither=0), [255, 255, 255]),
        "16 bit": (Image.fromarray(np.full((8, 8), 200 * 256 + 77, np.uint16)), [200, 200, 200]),
    }
    for name, (image, expected) in cases.items():
        save(tmp_path / name / "a.png", image)
        found = read(source(tmp_path / name, size=8)).media.float()
        torch.testing.assert_close(found, torch.tensor(expected).float().view(3, 1, 1).expand(3, 8, 8), atol=1, rtol=0)
    save(tmp_path / "hidden" / "a.png", clear, transparency=0)
    assert read(source(tmp_path / "hidden", size=8)).media.max() == 0  # the transparent palette entry is white
    only = read(source(tmp_path / "rgb", size=8, channels=1)).media
    assert only.shape == (1, 8, 8)
    assert (only.float() - grey).abs().max() <= 1
    save(tmp_path / "cmyk" / "a.jpg", Image.fromarray(flat).convert("CMYK"), quality=95)
    assert (read(source(tmp_path / "cmyk", size=8)).media[:, 4, 4].float() - torch.from_numpy(colour)).abs().max() < 8


def test_deep_and_floating_point_grey(tmp_path: Path) -> None:
    from PIL import Image

    ramp = np.linspace(0, 1, 64).reshape(8, 8)
    save(tmp_path / "f/a.tif", Image.fromarray(ramp.astype(np.float32)))
    save(tmp_path / "i/a.tif", Image.fromarray((ramp * 65535).astype(np.int32)))
    save(tmp_path / "s/a.tif", Image.fromarray((ramp * 65535).astype(np.uint16)))
    expected = torch.from_numpy(ramp).float() * 255
    for name in ("f", "i", "s"):
        found = read(source(tmp_path / name, size=8, channels=1)).media[0].float()
        torch.testing.assert_close(found, expected, atol=1, rtol=0, msg=name)


def test_orientation_in_exif_is_applied(tmp_path: Path) -> None:
    from PIL import Image

    upright = picture(32, 32, seed=2)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show rotated by 90 degrees clockwise
    save(tmp_path / "a.png", Image.fromarray(np.rot90(upright, 1)), exif=exif)
    assert torch.equal(read(source(tmp_path)).media, pixels(upright))


@pytest.mark.parametrize(("height", "width"), [(32, 80), (80, 32), (64, 200), (96, 65)])
def test_other_sizes_cover_the_square_and_are_cropped_at_the_centre(tmp_path: Path, height: int, width: int) -> None:
    from PIL import Image

    # Grey = x of the pixel: resampling keeps a ramp (away from the border), so that positions can be read off.
    x = np.tile(np.arange(width) + 0.5, (height, 1))
    save(tmp_path / "a.png", Image.fromarray(x.astype(np.uint8)))
    found = read(source(tmp_path, size=32, channels=1)).media[0].float()
    short = min(height, width)
    expected = (width - short) / 2 + (torch.arange(32) + 0.5) * short / 32 - 0.5
    torch.testing.assert_close(found[16, 2:-2], expected[2:-2].clamp(max=255), atol=1.01, rtol=0)


def test_tiny_and_huge_images(tmp_path: Path) -> None:
    from PIL import Image

    save(tmp_path / "tiny/a.png", Image.fromarray(np.full((1, 1, 3), [10, 20, 30], np.uint8)))
    assert torch.equal(
        read(source(tmp_path / "tiny")).media,
        torch.tensor([10, 20, 30], dtype=torch.uint8).view(3, 1, 1).expand(3, 32, 32),
    )
    save(tmp_path / "thin/a.png", Image.fromarray(np.full((1, 500), 7, np.uint8)))
    assert (read(source(tmp_path / "thin")).media == 7).all()
    save(tmp_path / "huge/a.png", Image.new("1", (20_000, 10_000), 1))  # 200 million pixels: Pillow's limit is 179
    assert (read(source(tmp_path / "huge", channels=1)).media == 255).all()
    big = Image.fromarray(picture(8, 8)).resize((2400, 1800), Image.Resampling.BICUBIC)
    save(tmp_path / "jpeg/a.jpg", big, quality=95)
    expected = big.crop((300, 0, 2100, 1800)).resize((32, 32), Image.Resampling.LANCZOS)
    assert (read(source(tmp_path / "jpeg")).media.float() - pixels(np.asarray(expected))).abs().max() < 4


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "tif", "bmp"])
def test_a_truncated_file_is_replaced_and_named(tmp_path: Path, ending: str) -> None:
    from PIL import Image

    for i in range(3):
        save(tmp_path / f"{i}.{ending}", Image.fromarray(picture(40, 40, seed=i)))
    data = (tmp_path / f"1.{ending}").read_bytes()
    for part in (0.0, 0.1, 0.5, 0.9):
        (tmp_path / f"1.{ending}").write_bytes(data[: int(len(data) * part)])
        found = source(tmp_path)
        example = read(found, 1)
        assert example.name == f"2.{ending}"
        assert torch.equal(example.media, read(found, 2).media)
        assert len(example.bad) == 1
        assert example.bad[0].startswith(f"1.{ending}: ")
        assert "\n" not in example.bad[0]


def test_a_text_file_with_an_image_s_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(
        ValueError, match=r"^1 of 1 files cannot be used \(all\): a\.png: not an image that Pillow knows$"
    ):
        read(source(tmp_path))


def idx(path: Path, array: np.ndarray, packed: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.with_name(path.name + ".gz" * packed).write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "MNIST/raw", "raw"])
def test_idx_files(tmp_path: Path, packed: bool, below: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (5, 28, 28), np.uint8)
    for prefix, count in (("train", 5), ("t10k", 2)):
        idx(tmp_path / below / f"{prefix}-images-idx3-ubyte", images[:count], packed)
        idx(tmp_path / below / f"{prefix}-labels-idx1-ubyte", np.array([3, 1, 0, 2, 3], np.uint8)[:count], packed)
    found = pickle.loads(pickle.dumps(source(tmp_path, size=28, channels=1)))
    assert (len(found), found.classes) == (5, ("0", "1", "2", "3"))
    assert [read(found, i).label for i in range(5)] == [3, 1, 0, 2, 3]
    assert torch.equal(read(found, 4).media, torch.from_numpy(images[4:5]))
    assert read(source(tmp_path, size=32), 1).media.shape == (3, 32, 32)
    assert len(source(tmp_path, "test")) == 2
    if not packed:
        path = tmp_path / below / "train-images-idx3-ubyte"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(
            ValueError, match=r"train-images-idx3-ubyte is truncated: it promises 3920 values and holds 3919$"
        ):
            source(tmp_path)


def test_mnist_is_torchvision_s(shared_data: Callable[[str], Path]) -> None:
    from torchvision.datasets import MNIST

    theirs = MNIST(str(shared_data("mnist")), train=False, download=False)
    ours = source(shared_data("mnist"), "test", size=28, channels=1)
    assert len(ours) == 10_000
    for i in range(0, 10_000, 997):
        example = read(ours, i)
        assert torch.equal(example.media[0], theirs.data[i])
        assert example.label == int(theirs.targets[i])
    assert len(source(shared_data("mnist"), size=28)) == 60_000


def test_cifar10_is_what_pillow_decodes(shared_data: Callable[[str], Path]) -> None:
    import io

    from PIL import Image
    from pyarrow.parquet import read_table

    table = read_table(shared_data("cifar10") / "test-00000-of-00001.parquet")
    found = source(shared_data("cifar10"), "test")
    for i in range(0, 10_000, 997):
        row = table.slice(i, 1).to_pylist()[0]
        example = read(found, i)
        assert torch.equal(example.media, pixels(np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))))
        assert example.label == row["label"]
    assert found.classes[read(found, 0).label] in found.container.item(0).name  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{"channels": 2}, {"size": 0}])
def test_impossible_options_are_an_error(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="images have a size >= 1 and 1 or 3 channels"):
        source(None, **options)


def test_no_path_is_the_embedded_generator() -> None:
    train, test = source(None), source(None, "test", size=16, channels=1)
    assert (len(train), len(test)) == (50_000, 2_000)
    assert read(test).media.shape == (1, 16, 16)
    with pytest.raises(ValueError, match="unknown split 'tset'"):
        source(None, "tset")
