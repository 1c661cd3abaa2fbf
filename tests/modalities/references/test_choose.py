"""What a user says is known, in frames, seconds and pixels."""

import numpy
import pytest
import torch
from PIL import Image

from modalities.references.choose import frames, region


@pytest.mark.parametrize(
    ("spec", "have", "places"),
    [
        (None, 0, [0, 1, 2, 3]),  # the first quarter of 16
        (None, 16, [0, 1, 2, 3]),
        (None, 5, [0, 1, 2, 3, 4]),
        (3, 0, [0, 1, 2]),
        ("first", 0, [0]),
        ("last", 0, [15]),
        ("first_last", 2, [0, 15]),
        ("every_4", 0, [0, 4, 8, 12, 15]),
        ([5, -1, 5], 0, [5, 15]),
    ],
)
def test_frames(spec, have, places):
    assert frames(spec, 16, have) == places


@pytest.mark.parametrize(
    ("spec", "have", "words"),
    [
        ("firsts", 0, "known=firsts is not a number of first frames, first, last"),
        ("every_1", 0, "is not a number"),
        (0, 0, "known=0 is not"),
        (16, 0, "all 16 frames: nothing is left to draw"),
        (17, 0, "no frame 16 in a clip of 16"),
        ([0, -17], 0, "no frame -17"),
        ("first_last", 5, "2 frames, and the reference has 5"),
        (4, 2, "4 frames, and the reference has 2"),
        (True, 0, "is not"),
    ],
)
def test_impossible_frames_are_one_line(spec, have, words):
    with pytest.raises(ValueError, match=words) as caught:
        frames(spec, 16, have)
    assert "\n" not in str(caught.value)


def test_regions_of_pictures():
    x, y = torch.meshgrid(torch.arange(12), torch.arange(8), indexing="xy")
    size = (8, 12)
    assert torch.equal(region("left", size), x < 6)
    assert torch.equal(region("bottom", size), y >= 4)
    assert torch.equal(region("centre", size), (x >= 3) & (x < 9) & (y >= 2) & (y < 6))
    assert torch.equal(region([1, 2, 5, 7], size), (x >= 1) & (x < 5) & (y >= 2) & (y < 7))


def test_regions_of_clips_and_sounds():
    clip = region([1, 3], (4, 8, 8))
    assert clip.flatten(1).all(1).tolist() == [False, True, True, False]
    assert torch.equal(region("top", (4, 8, 8))[2], region("top", (8, 8)))
    assert region([0.25, 0.5], (8000,), per_second=8000).nonzero().flatten().tolist() == list(range(2000, 4000))
    frames_of = region("first", (64, 16), per_second=15.6)  # a spectrogram: bins and frames
    assert frames_of.all(0).tolist() == [True] * 8 + [False] * 8


def test_a_drawn_mask_is_white_where_it_is_known(tmp_path):
    pixels = numpy.zeros((8, 12), dtype=numpy.uint8)
    pixels[2:4, 5:] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert torch.equal(region(str(tmp_path / "mask.png"), (8, 12)), torch.from_numpy(pixels > 0))
    with pytest.raises(ValueError, match="the mask has 12x8 pixels, the model's pictures have 12x12"):
        region(str(tmp_path / "mask.png"), (12, 12))


@pytest.mark.parametrize(
    ("spec", "size", "per_second", "words"),
    [
        ("lefty", (8, 8), 0, "known=lefty is not a word, a range or a mask.png"),
        ("left", (8000,), 8000, "a sound has first, last and centre"),
        ("first", (8, 8), 0, "a picture left, right, top, bottom"),
        ([1, 2], (8, 8), 0, r"give \[left, top, right, bottom\] in pixels"),
        ([0.5, 1.5], (8000,), 8000, "0.5 to 1.5 seconds must rise within 0 to 1"),
        ([3, 0, 2, 4], (8, 8), 0, "3 to 2 pixels must rise within 0 to 8"),
        ("nowhere.png", (8, 8), 0, "known=nowhere.png: No such file"),
        ("mask.png", (8000,), 8000, "a picture is no mask for a sound"),
    ],
)
def test_impossible_regions_are_one_line(spec, size, per_second, words):
    with pytest.raises(ValueError, match=words):
        region(spec, size, per_second=per_second)
