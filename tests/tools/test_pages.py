"""Charts and documents: what is drawn lies where its numbers say, and a page needs no other file."""

import re
from pathlib import Path

import pytest

from tools.pages import chart as charts
from tools.pages.chart import Axis, Series, chart, even, running_mean, ticks
from tools.pages.document import document, inline


def places(text: str) -> list[list[tuple[float, ...]]]:
    """The points of each line of a chart."""
    lines = re.findall(r'<polyline[^>]*points="([^"]*)"', text)
    return [[tuple(map(float, pair.split(","))) for pair in line.split()] for line in lines]


def test_the_ends_of_a_curve_lie_at_the_edges() -> None:
    [line] = places(chart([Series("a", [(0, 3.0), (5, 4.0), (10, 5.0)])], Axis(), Axis(), label=""))
    assert line[0] == (charts.LEFT, charts.HEIGHT - charts.BOTTOM)
    assert line[-1] == (charts.WIDTH - charts.RIGHT, charts.TOP)
    middle = ((line[0][0] + line[2][0]) / 2, (line[0][1] + line[2][1]) / 2)
    assert line[1] == pytest.approx(middle, abs=0.06)


def test_equal_ratios_are_equal_ways_on_a_logarithmic_axis() -> None:
    [line] = places(chart([Series("a", [(1, 0.1), (10, 1.0), (100, 10.0)])], Axis(log=True), Axis(log=True), label=""))
    assert line[1][0] - line[0][0] == pytest.approx(line[2][0] - line[1][0], abs=0.11)
    assert line[0][1] - line[1][1] == pytest.approx(line[1][1] - line[2][1], abs=0.11)


def test_values_that_no_logarithm_has_are_drawn_on_a_linear_axis() -> None:
    [line] = places(chart([Series("a", [(1, -1.0), (2, 0.0), (3, 1.0)])], Axis(), Axis(log=True), label=""))
    assert line[0][1] - line[1][1] == pytest.approx(line[1][1] - line[2][1], abs=0.11)


def test_only_what_is_drawn_is_named_and_words_stand_at_their_marks() -> None:
    there = Series("<there>", [(1, 1.0), (2, 2.0)], marks=True, words=["one", "two & more"])
    text = chart([there, Series("missing", []), Series("other", [(1, 2.0), (2, 1.0)])], Axis("x"), Axis("y"), label="l")
    assert "&lt;there&gt;" in text
    assert "two &amp; more" in text
    assert "missing" not in text
    assert text.count("<circle") == 2
    assert "legend" not in chart([there], Axis(), Axis(), label="")


def test_points_that_are_no_numbers_are_left_out() -> None:
    [line] = places(chart([Series("a", [(1, 1.0), (2, float("nan")), (3, 3.0)])], Axis(), Axis(), label=""))
    assert len(line) == 2
    assert "Too short" in chart([Series("a", [(1, float("nan")), (2, 1.0)])], Axis(), Axis(), label="")


def test_ticks_are_round() -> None:
    assert ticks(0.011, 2.0) == pytest.approx([0.03, 0.1, 0.3, 1.0])
    assert ticks(0.2, 0.6) == pytest.approx([0.2, 0.3, 0.4, 0.6])
    assert even(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert even(-3, 17) == pytest.approx([0, 5, 10, 15])
    for low, high in ((0.0, 7e-5), (1e6, 3.3e6), (-2.5, -2.4)):
        assert 2 <= len(even(low, high)) <= 7


def test_the_mean_has_no_bias_at_its_start() -> None:
    assert running_mean([3.0] * 50) == pytest.approx([3.0] * 50)
    assert running_mean([1.0, 0.0])[0] == 1.0


def test_a_document_escapes_its_title_and_holds_its_files(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    assert "<title>a &lt; b</title>" in document("a < b", "")
    assert inline(picture) == "data:image/png;base64,iVBORw=="
