"""A loss curve: the logged values faint, their running mean on top, loss on a logarithmic axis."""

import math
from collections.abc import Sequence

from tools.pages.chart import Axis, Series, chart, running_mean


def curve(points: Sequence[tuple[int, float]]) -> str:
    """`(step, loss)` in order of steps -> a figure; a line of text where there is nothing to draw."""
    points = [(step, loss) for step, loss in points if loss > 0 and math.isfinite(loss)]
    steps, losses = [step for step, _ in points], [loss for _, loss in points]
    mean = list(zip(steps, running_mean(losses), strict=True))
    label = f"loss from {losses[0]:.3g} to {losses[-1]:.3g}" if points else "loss"
    return chart([Series("", points, faint=True), Series("", mean)], Axis("steps"), Axis("loss", log=True), label=label)
