"""PNG files, read back with torchvision."""

from pathlib import Path

import pytest
import torch
from torchvision.io import ImageReadMode, decode_image

from modalities.image.writer import write


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_lossless(channels: int, tmp_path: Path) -> None:
    media = torch.randint(0, 256, (channels, 9, 14), dtype=torch.uint8)
    write(media, tmp_path / "x.png")
    back = decode_image(str(tmp_path / "x.png"), ImageReadMode.UNCHANGED)
    torch.testing.assert_close(back, media, rtol=0, atol=0)
