"""Pictures of any size to one, and mirroring that a generator alone decides."""

import pytest
import torch

from modalities.pixels import fit, mirror, recolour


def test_what_fits_is_untouched() -> None:
    picture = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    torch.testing.assert_close(fit(picture, 16, 3), picture, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (7, 21), (300, 100)])
def test_the_middle_of_a_long_picture_is_kept_undistorted(shape: tuple[int, int]) -> None:
    """Three square fields in a row: only the middle one is left (its borders are smoothed)."""
    height, width = shape
    fields = torch.tensor([10, 120, 250], dtype=torch.uint8)
    if height > width:
        line = fields.repeat_interleave(height // 3).view(-1, 1).expand(height, width)
    else:
        line = fields.repeat_interleave(width // 3).view(1, -1).expand(height, width)
    out = fit(line.expand(1, 3, height, width), 16, 3)
    assert out.shape == (1, 3, 16, 16)
    assert (out[..., 5:-5, 5:-5].int() - 120).abs().max() <= 1


@pytest.mark.parametrize("size", [1, 5, 16, 61])
def test_resizing_keeps_a_plain_colour(size: int) -> None:
    colour = torch.tensor([0, 137, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    out = fit(colour.expand(1, 3, 23, 40), size, 3)
    torch.testing.assert_close(out, colour.expand(1, 3, size, size), rtol=0, atol=0)


def test_grey_and_colour_and_alpha() -> None:
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert recolour(red, 1).item() == 76  # round(0.299 * 255), as Pillow's convert("L") gives
    assert recolour(torch.full((1, 1, 1, 1), 9, dtype=torch.uint8), 3).flatten().tolist() == [9, 9, 9]
    half = torch.cat([red, torch.full((1, 1, 1, 1), 128, dtype=torch.uint8)], dim=1)
    assert recolour(half, 3).flatten().tolist() == [128, 0, 0]
    with pytest.raises(ValueError, match="cannot make 3 channels of pictures with 5"):
        recolour(torch.zeros(1, 5, 2, 2, dtype=torch.uint8), 3)


def test_mirroring_is_decided_per_example_by_the_generator() -> None:
    pictures = torch.randint(0, 256, (400, 1, 2, 3), dtype=torch.uint8)
    out = mirror(pictures, -1, torch.Generator().manual_seed(1))
    again = mirror(pictures, -1, torch.Generator().manual_seed(1))
    torch.testing.assert_close(out, again, rtol=0, atol=0)
    kept = (out == pictures).flatten(1).all(1)
    flipped = (out == pictures.flip(-1)).flatten(1).all(1)
    assert (kept | flipped).all()
    assert 140 < kept.sum() < 260  # 200 +- 6 standard deviations
