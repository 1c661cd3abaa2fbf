"""Where tiles lie, how they are magnified, what happens to captions that do not fit."""

import pytest
import torch

from modalities.tiling import GAP, LINE, columns_for, evenly, grid, magnification, shorten


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4), (16, 4), (17, 5)])
def test_a_grid_is_about_square(count: int, columns: int) -> None:
    assert columns_for(count) == columns


def test_tiles_lie_row_by_row_and_every_pixel_becomes_a_square() -> None:
    media = torch.randint(0, 256, (5, 3, 4, 4), dtype=torch.uint8)
    picture = grid(media, ["one", "", ""], columns=3, wanted=8)
    assert picture.size == (3 * 8 + 2 * GAP, 8 + LINE + GAP + 8)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(picture.height, picture.width, 4)
    for i in range(5):
        left, top = i % 3 * (8 + GAP), i // 3 * (8 + LINE + GAP)
        tile = pixels[top : top + 8, left : left + 8]
        expected = media[i].movedim(0, -1).repeat_interleave(2, 0).repeat_interleave(2, 1)
        torch.testing.assert_close(tile[..., :3], expected, rtol=0, atol=0)
        assert (tile[..., 3] == 255).all()
    assert (pixels[:8, 8 : 8 + GAP] == 0).all()  # between tiles: transparent
    assert pixels[8 : 8 + LINE, : 8 + GAP, 3].any()  # the caption
    assert not pixels[8 : 8 + LINE, 8 + GAP :, 3].any()  # no caption


def test_magnification_is_whole_and_never_below_one() -> None:
    assert [magnification(side, 128) for side in (28, 32, 64, 100, 500)] == [5, 4, 2, 1, 1]


def test_captions_are_cut_where_the_tile_ends() -> None:
    assert shorten("abc", 3, len) == "abc"
    assert shorten("a small red circle", 8, len) == "a small…"
    assert shorten("abc", 0, len) == "…"


def test_evenly_includes_both_ends() -> None:
    assert evenly(3, 16) == [0, 8, 15]
    assert evenly(8, 8) == list(range(8))
    assert evenly(9, 4) == [0, 1, 2, 3]


def test_nothing_to_show_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one example"):
        grid(torch.zeros(0, 3, 4, 4, dtype=torch.uint8), columns=1)
