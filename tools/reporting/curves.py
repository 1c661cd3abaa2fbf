"""Charts of what was logged and measured while training."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.evaluation import during
from tools.pages.chart import Axis, Series, chart, charts, floor, running_mean
from tools.reporting.runs import Run

QUIET = ("step", "seconds", "learning_rate", "grad_norm", "examples_per_second")
"""Entries of a log that do not say how well the training goes."""


def training(runs: Sequence[Run]) -> str:
    """Everything that the logs follow, the loss first, against the steps; and the loss against the minutes.

    The logged values are faint, their running means on top.
    """
    entries = dict.fromkeys(key for run in runs for line in run.log for key in line if key not in QUIET)
    first, *others = [_logged(runs, entry, "step", 1, Axis("steps")) for entry in entries] or [("loss", "")]
    in_time = _logged(runs, first[0], "seconds", 60, Axis("minutes"))[1]
    return charts([first, (f"{first[0]} in time", in_time), *others]) if entries else ""


def _logged(runs: Sequence[Run], entry: str, against: str, unit: float, x: Axis) -> tuple[str, str]:
    series = []
    for run in runs:
        points = [(line[against] / unit, line[entry]) for line in run.log if entry in line and against in line]
        mean = running_mean([value for _, value in points], share=0.02)
        series.append(Series("", points, colour=run.number, faint=True))
        series.append(Series(run.name, [(at, m) for (at, _), m in zip(points, mean, strict=True)], colour=run.number))
    return entry, chart(series, x, Axis(log=True), label=f"{entry} against {x.title}")


def quality(runs: Sequence[Run]) -> str:
    """What was measured while training against its minutes; runs over other features stand in charts of their own."""
    measured = [(run, line) for run in runs for line in run.quality]
    drawn = []
    for over in dict.fromkeys(_measured_over(pair) for pair in measured):
        group = [pair for pair in measured if _measured_over(pair) == over]
        known = dict.fromkeys(name for _, line in group for name in during.metrics_of(line))
        drawn += [(name, _while_training(runs, group, name)) for name in known]
    return charts(drawn)


def _measured_over(pair: tuple[Run, Mapping[str, Any]]) -> tuple[Any, ...]:
    return pair[1]["features"], pair[1]["samples"]


def _while_training(runs: Sequence[Run], group: Sequence[tuple[Run, Mapping[str, Any]]], name: str) -> str:
    series = []
    for run in runs:
        rows = [line for of, line in group if of is run and name in line]
        points = [(line["seconds"] / 60, line[name]) for line in rows]
        series.append(Series(run.name, points, colour=run.number, marks=True))
        if rows and name in rows[-1]["floors"]:
            series.append(floor(rows[-1]["floors"][name], [at for at, _ in points]))
    return chart(series, Axis("minutes"), Axis(log=name == "frechet"), label=f"{name} against minutes of training")
