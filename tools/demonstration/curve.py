"""A loss curve as SVG: the logged values faint, their running mean on top, loss on a logarithmic axis.

The colours come from the page's style (classes `axis`, `raw`, `mean`), so that it follows light and dark.
"""

import math
from collections.abc import Sequence

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 8, 22


def curve(points: Sequence[tuple[int, float]]) -> str:
    """`(step, loss)` in order of steps -> `<svg>`; a line of text where there is nothing to draw."""
    points = [(step, loss) for step, loss in points if loss > 0 and math.isfinite(loss)]
    if len(points) < 2:
        return "<p class=quiet>Too short to have a curve.</p>"
    last, losses = points[-1][0], [loss for _, loss in points]
    low, high = min(losses), max(losses)
    if high / low < 1.2:
        low, high = low / 1.1, high * 1.1

    def x(step: float) -> float:
        return LEFT + step / last * (WIDTH - LEFT - RIGHT)

    def y(loss: float) -> float:
        return TOP + math.log(high / loss) / math.log(high / low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="loss from {losses[0]:.3g} to {losses[-1]:.3g}">'
    ]
    for tick in ticks(low, high):
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{tick:g}</text>')
    for step in (0, last):
        anchor = "start" if step == 0 else "end"
        label = "0" if step == 0 else f"{last} steps"
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{label}</text>')
    for name, values in (("raw", losses), ("mean", running_mean(losses))):
        line = " ".join(f"{x(step):.1f},{y(value):.1f}" for (step, _), value in zip(points, values, strict=True))
        parts.append(f'<polyline class="{name}" points="{line}"/>')
    return "".join([*parts, "</svg>"])


def ticks(low: float, high: float) -> list[float]:
    """Round numbers in [low, high]: 1, 2 and 5 times powers of ten, only the powers where that would be too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 6)):
        found = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) >= 3:
            break
    return found


def running_mean(values: Sequence[float], share: float = 0.05) -> list[float]:
    """Exponential mean over about `share` of the curve, without the bias of its start."""
    keep = 1 - 1 / max(1.0, share * len(values))
    total = weight = 0.0
    means = []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight)
    return means
