"""The charts of a report: training, quality while training, quality against steps, and what guidance trades."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tools.pages.chart import Axis, Points, Series, chart, running_mean
from tools.reporting.runs import Run

QUIET = ("step", "seconds", "learning_rate", "grad_norm", "examples_per_second")
"""Entries of a log that do not say how well the training goes."""

Reports = Sequence[Mapping[str, Any]]


def training(runs: Sequence[Run]) -> str:
    """Everything that the logs follow, the loss first, against the steps; and the loss against the minutes.

    The logged values are faint, their running means on top."""
    entries = dict.fromkeys(key for run in runs for line in run.log for key in line if key not in QUIET)
    charts = [_logged(runs, entry, "step", 1, Axis("steps")) for entry in entries]
    return _charts(
        [*charts[:1], ("loss in time", _logged(runs, "loss", "seconds", 60, Axis("minutes"))[1]), *charts[1:]]
    )


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
    charts = []
    for _, group in _grouped([(run, line) for run in runs for line in run.quality], _measured_over):
        known = dict.fromkeys(name for _, line in group for name in line["floors"])
        charts += [(name, _while_training(runs, group, name)) for name in known]
    return _charts(charts)


def _measured_over(pair: tuple[Run, Mapping[str, Any]]) -> tuple[Any, ...]:
    return pair[1]["features"], pair[1]["samples"]


def _while_training(runs: Sequence[Run], group: Sequence[tuple[Run, Mapping[str, Any]]], name: str) -> str:
    series = []
    for run in runs:
        rows = [line for of, line in group if of is run and name in line]
        points = [(line["seconds"] / 60, line[name]) for line in rows]
        series.append(Series(run.name, points, colour=run.number, marks=True))
        if rows:
            ends = (points[0][0], points[-1][0])
            series.append(_floor([(end, rows[-1]["floors"][name]) for end in ends]))
    return chart(series, Axis("minutes"), Axis(log=name == "frechet"), label=f"{name} against minutes of training")


def steps(runs: Sequence[Run], reports: Mapping[str, Reports]) -> str:
    """Fréchet distance, or the first metric there is, against the calls of the network in a sample, by sampler."""
    charts = []
    for run in (run for run in runs if run.recipe.stage == "diffusion"):
        plain = [r for r in reports[run.name] if _guidance(r) == (run.recipe.guidance.scale, _base(reports[run.name]))]
        by_sampler = dict(_grouped(plain, lambda r: r["asked"]["sampler"]))
        if all(len({r["asked"]["steps"] for r in group}) < 2 for group in by_sampler.values()):
            continue
        name = leading(plain)
        series = []
        for number, (sampler, group) in enumerate(sorted(by_sampler.items())):
            found = {r["asked"]["steps"] * calls(sampler): r["metrics"][name]["value"] for r in group}
            series.append(Series(sampler, sorted(found.items()), colour=number, marks=True))
        ends = [point[0] for s in series for point in s.points]
        floor = plain[-1]["metrics"][name]["floor"]
        if floor is not None:
            series.append(_floor([(min(ends), floor), (max(ends), floor)]))
        title = plain[-1]["metrics"][name]["title"]
        drawn = chart(
            series,
            Axis("network calls in a sample", log=True),
            Axis(log=name == "frechet"),
            label=f"{title} by sampler",
        )
        charts.append((f"{run.name}: {title}", drawn))
    return _charts(charts)


def guidance(runs: Sequence[Run], reports: Mapping[str, Reports]) -> str:
    """Precision against recall by guidance scale, and the distance against the scale."""
    trade, cost = [], []
    for run in (run for run in runs if run.recipe.stage == "diffusion"):
        sampler = (run.recipe.sampler.name, run.recipe.sampler.steps)
        group = [r for r in reports[run.name] if (r["asked"]["sampler"], r["asked"]["steps"]) == sampler]
        by_scale = {r["asked"]["guidance"]: r for r in group if _guidance(r)[1] == _base(group)}
        if len(by_scale) < 2:
            continue
        scales = sorted(by_scale)
        rows = [{name: entry["value"] for name, entry in by_scale[scale]["metrics"].items()} for scale in scales]
        name = leading(group)
        cost.append(Series(run.name, [(s, row[name]) for s, row in zip(scales, rows, strict=True)],
                           colour=run.number, marks=True))  # fmt: skip
        if all("precision" in row and "recall" in row for row in rows):
            words = [f"{scale:g}" for scale in scales]
            points = [(row["recall"], row["precision"]) for row in rows]
            trade.append(Series(run.name, points, colour=run.number, marks=True, words=words))
    charts = []
    if trade:
        drawn = chart(trade, Axis("recall: diversity"), Axis("precision"), label="precision against recall")
        charts.append(("quality against diversity, by guidance scale", drawn))
    if cost:
        drawn = chart(cost, Axis("guidance scale"), Axis(log=True), label="distance against guidance scale")
        charts.append(("distance against guidance scale", drawn))
    return _charts(charts)


def leading(reports: Reports) -> str:
    """The metric that a chart of only one shows: a distance where all have it."""
    shared = [name for name in reports[0]["metrics"] if all(name in report["metrics"] for report in reports)]
    return next(name for name in ("frechet", "kernel", *shared) if name in shared)


def calls(sampler: str) -> int:
    """Calls of the network in a step."""
    return int(getattr(importlib.import_module(f"core.samplers.{sampler}"), "CALLS", 1))


def _guidance(report: Mapping[str, Any]) -> tuple[float, str]:
    return report["asked"]["guidance"], str(report["asked"]["guidance_settings"])


def _base(reports: Reports) -> str:
    """The guidance of most, but for its scale."""
    kinds = [str(r["asked"]["guidance_settings"]) for r in reports]
    return max(kinds, key=kinds.count, default="")


def _floor(points: Points) -> Series:
    return Series("real examples", points, colour=5, dashed=True)


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> list[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def _charts(titled: Sequence[tuple[str, str]]) -> str:
    drawn = "".join(f"<div><h3>{escape(title)}</h3>{figure}</div>\n" for title, figure in titled)
    return f'<div class="charts">\n{drawn}</div>\n' if drawn else ""
