"""The drawn shapes have the areas that geometry gives them."""

import math

import pytest
import torch

from modalities.data.shapes import COLOURS, GROUNDS, LUMA, SHAPES, distance, draw


def area(shape: str) -> float:
    """Area of the shape in units of radius squared."""
    inner = 0.42
    return {
        "circle": math.pi,
        "ring": math.pi * (1 - 0.5**2),
        "square": 2.0,
        "triangle": 3 * math.sqrt(3) / 4,
        "star": 5 * inner * math.sin(math.pi / 5),
    }[shape]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("centre", [(16.0, 16.0), (15.3, 17.8)])
def test_coverage_sums_to_the_area(shape: str, centre: tuple[float, float]) -> None:
    grid = torch.arange(32, dtype=torch.float64) + 0.5
    d = distance(shape, grid.view(1, -1) - centre[0], grid.view(-1, 1) - centre[1], 12.0)
    # A pixel at distance d is off by a few percent at most, and errors on the two sides of the outline cancel.
    assert (0.5 - d).clamp(0, 1).sum() == pytest.approx(area(shape) * 144, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_stay_within_their_radius(shape: str) -> None:
    grid = torch.linspace(-20, 20, 201)
    x, y = grid.view(1, -1), grid.view(-1, 1)
    outside = torch.hypot(x, y) > 10 + 1e-4
    assert (distance(shape, x, y, 10.0)[outside] > 0).all()


def test_colours_at_the_centre_and_the_corner() -> None:
    picture = draw("circle", "green", "plum", torch.tensor([[16.0, 16.0]]), 10.0, 32, 3)[0]
    assert tuple(picture[:, 0, 31].tolist()) == GROUNDS["plum"]
    lit = torch.tensor(COLOURS["green"]) * 0.875  # the middle of the fall from 1 to 3/4
    torch.testing.assert_close(picture[:, 16, 16].float(), lit, atol=2, rtol=0)


def test_one_channel_is_the_luma_of_three() -> None:
    arguments = ("star", "blue", "navy", torch.tensor([[14.2, 18.1]]), 9.0, 32)
    colour, grey = draw(*arguments, 3)[0].float(), draw(*arguments, 1)[0].float()
    torch.testing.assert_close(grey[0], (colour * torch.tensor(LUMA).view(3, 1, 1)).sum(0), atol=1, rtol=0)
