"""Curves as SVG: some series over two axes, linear or logarithmic, with round ticks and a legend of their names.

The colours come from the page's style (classes `s0` to `s7` for the series), so that they follow light and dark.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 8, 22
TITLED = 12
"""More room below where the axis has a title."""
COLOURS = 8

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """(x, y) in order of x. `faint`: behind the others; `marks`: a dot at each point, with its word of `words`.

    `dashed` is for what others are held against, a floor.
    """

    name: str
    points: Points
    colour: int = 0
    faint: bool = False
    marks: bool = False
    dashed: bool = False
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Axis:
    """`title` stands at the end of the axis; `log` asks for a logarithmic one, which is granted to positive values."""

    title: str = ""
    log: bool = False


def chart(series: Sequence[Series], x: Axis, y: Axis, *, label: str) -> str:
    """`<figure>` with an SVG and, of several names, a legend; a line of text where there is nothing to draw.

    `label` says what is drawn to those who do not see it. Points that are not finite are left out.
    """
    kept = [(s, [i for i, point in enumerate(s.points) if all(map(math.isfinite, point))]) for s in series]
    kept = [(s, places) for s, places in kept if len(places) > 1 or (places and s.marks)]
    points = [s.points[i] for s, places in kept for i in places]
    if not points:
        return "<p class=quiet>Too short to have a curve.</p>"
    across, ticks_x = _scale([p[0] for p in points], x.log, LEFT, WIDTH - RIGHT)
    foot = HEIGHT - BOTTOM
    up, ticks_y = _scale([p[1] for p in points], y.log, foot, TOP)
    height = HEIGHT + (TITLED if x.title else 0)
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">']
    for tick in ticks_y:
        at = f"{up(tick):.1f}"
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{up(tick) + 3.5:.1f}" text-anchor="end">{_short(tick)}</text>')
    for tick in ticks_x:
        anchor = "start" if across(tick) < LEFT + 8 else "end" if across(tick) > WIDTH - RIGHT - 12 else "middle"
        parts.append(f'<text x="{across(tick):.1f}" y="{foot + 14}" text-anchor="{anchor}">{_short(tick)}</text>')
    if x.title:
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{height - 3}" text-anchor="end">{escape(x.title)}</text>')
    if y.title:
        parts.append(f'<text x="{LEFT + 4}" y="{TOP + 8}">{escape(y.title)}</text>')
    for s, places in kept:
        parts += _drawn(s, [(across(s.points[i][0]), up(s.points[i][1])) for i in places], places)
    return f"<figure>{''.join(parts)}</svg>{_legend([s for s, _ in kept])}</figure>"


def charts(titled: Sequence[tuple[str, str]]) -> str:
    """Some figures under their titles, beside each other where there is room; empty where there is none."""
    drawn = "".join(f"<div><h3>{escape(title)}</h3>{figure}</div>\n" for title, figure in titled)
    return f'<div class="charts">\n{drawn}</div>\n' if drawn else ""


def floor(value: float, along: Sequence[float]) -> Series:
    """What real examples get, as a dashed line under the values at `along`."""
    return Series("real examples", [(min(along), value), (max(along), value)], colour=5, dashed=True)


def _drawn(s: Series, at: Points, places: Sequence[int]) -> list[str]:
    """A line, its marks and their words."""
    kind = " ".join([f"s{s.colour % COLOURS}", *(["faint"] if s.faint else []), *(["dashed"] if s.dashed else [])])
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [f'<polyline class="{kind}" points="{line}"/>']
    if s.marks:
        for (x, y), place in zip(at, places, strict=True):
            parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>')
            if place < len(s.words):
                parts.append(f'<text x="{x + 4:.1f}" y="{y - 4:.1f}">{escape(s.words[place])}</text>')
    return parts


def _legend(series: Sequence[Series]) -> str:
    names = {s.name: f"s{s.colour % COLOURS}{' dashed' if s.dashed else ''}" for s in series if s.name}
    if len(names) < 2:
        return ""
    entries = "".join(f'<li class="{kind}">{escape(name)}</li>' for name, kind in names.items())
    return f'<ul class="legend">{entries}</ul>'


def _scale(
    values: Sequence[float], log: bool, start: float, end: float
) -> tuple[Callable[[float], float], list[float]]:
    """Value -> place between `start` and `end`, and the ticks."""
    low, high = min(values), max(values)
    if log and low > 0:
        if high / low < 1.2:
            low, high = low / 1.1, high * 1.1
        return lambda v: start + math.log(v / low) / math.log(high / low) * (end - start), ticks(low, high)
    if high == low:
        low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
    return lambda v: start + (v - low) / (high - low) * (end - start), even(low, high)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers in [low, high]: 1, 2 and 5 times powers of ten, only the powers where that would be too many; of a
    narrow range those of a linear axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 6)):
        found = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) >= 3:
            return found
    return found if len(found) > 1 else even(low, high)


def even(low: float, high: float) -> list[float]:
    """Three to six multiples of 1, 2 or 5 times a power of ten in [low, high]."""
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * digit for digit in (1, 2, 5, 10) if (high - low) / (power * digit) < 6)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def running_mean(values: Sequence[float], share: float = 0.05) -> list[float]:
    """Exponential mean over about `share` of the curve, without the bias of its start."""
    keep = 1 - 1 / max(1.0, share * len(values))
    total = weight = 0.0
    means = []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight)
    return means


def _short(tick: float) -> str:
    """«1500», «12k», «0.02»."""
    return f"{tick / 1000:g}k" if abs(tick) >= 10_000 else f"{tick:.10g}"
