"""The grid and the strip, read back with torchvision."""

from pathlib import Path

import torch
from torchvision.io import ImageReadMode, decode_image

from modalities.image.sheet import sheet, strip
from modalities.tiling import GAP, LINE


def test_sheet_shows_every_image_in_its_place(tmp_path: Path) -> None:
    media = torch.arange(7, dtype=torch.uint8).mul(30).view(7, 1, 1, 1).expand(7, 1, 32, 32)
    sheet(media, tmp_path / "sheet.png", [f"number {i}" for i in range(7)])
    picture = decode_image(str(tmp_path / "sheet.png"), ImageReadMode.UNCHANGED)
    assert picture.shape == (4, 3 * (128 + LINE + GAP) - GAP, 3 * (128 + GAP) - GAP)
    for i in range(7):
        centre = picture[:, i // 3 * (128 + LINE + GAP) + 64, i % 3 * (128 + GAP) + 64]
        assert centre.tolist() == [30 * i, 30 * i, 30 * i, 255]


def test_strip_is_one_row(tmp_path: Path) -> None:
    media = torch.arange(5, dtype=torch.uint8).mul(30).view(5, 1, 1, 1).expand(5, 3, 64, 64)
    strip(media, tmp_path / "strip.png")
    picture = decode_image(str(tmp_path / "strip.png"), ImageReadMode.UNCHANGED)
    assert picture.shape == (4, 128, 5 * (128 + GAP) - GAP)
    assert [picture[0, 64, i * (128 + GAP) + 64].item() for i in range(5)] == [0, 30, 60, 90, 120]
