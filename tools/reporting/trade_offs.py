"""Charts of what evaluations found: quality against steps, and quality against diversity by guidance."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from tools.pages.chart import Axis, Series, chart, charts, floor
from tools.reporting.runs import Run

Reports = Sequence[Mapping[str, Any]]


def steps(runs: Sequence[Run], reports: Mapping[str, Reports]) -> str:
    """Fréchet distance, or the first metric there is, against the calls of the network in a sample, by sampler."""
    drawn = []
    for run in (run for run in runs if run.recipe.stage == "diffusion"):
        plain = [r for r in reports[run.name] if _guidance(r) == (run.recipe.guidance.scale, _base(reports[run.name]))]
        if not plain:
            continue
        name, plain = leading(plain)
        samplers = sorted({r["asked"]["sampler"] for r in plain})
        if len({(r["asked"]["sampler"], r["asked"]["steps"]) for r in plain}) == len(samplers):
            continue
        series = []
        for number, sampler in enumerate(samplers):
            group = [r for r in plain if r["asked"]["sampler"] == sampler]
            found = {r["asked"]["steps"] * calls(sampler): r["metrics"][name]["value"] for r in group}
            series.append(Series(sampler, sorted(found.items()), colour=number, marks=True))
        metric = plain[-1]["metrics"][name]
        if metric["floor"] is not None:
            series.append(floor(metric["floor"], [at for s in series for at, _ in s.points]))
        x, y = Axis("network calls in a sample", log=True), Axis(log=name == "frechet")
        drawn.append((f"{run.name}: {metric['title']}", chart(series, x, y, label=f"{metric['title']} by sampler")))
    return charts(drawn)


def guidance(runs: Sequence[Run], reports: Mapping[str, Reports]) -> str:
    """Precision against recall by guidance scale, and the distance against the scale."""
    trade, cost = [], []
    for run in (run for run in runs if run.recipe.stage == "diffusion"):
        sampler = (run.recipe.sampler.name, run.recipe.sampler.steps)
        group = [r for r in reports[run.name] if (r["asked"]["sampler"], r["asked"]["steps"]) == sampler]
        group = [r for r in group if _guidance(r)[1] == _base(group)]
        if not group:
            continue
        name, group = leading(group)
        by_scale = {r["asked"]["guidance"]: r for r in group}
        if len(by_scale) < 2:
            continue
        scales = sorted(by_scale)
        rows = [{name: entry["value"] for name, entry in by_scale[scale]["metrics"].items()} for scale in scales]
        distances = [(scale, row[name]) for scale, row in zip(scales, rows, strict=True)]
        cost.append(Series(run.name, distances, colour=run.number, marks=True))
        if all("precision" in row and "recall" in row for row in rows):
            words = [f"{scale:g}" for scale in scales]
            points = [(row["recall"], row["precision"]) for row in rows]
            trade.append(Series(run.name, points, colour=run.number, marks=True, words=words))
    drawn = []
    if trade:
        figure = chart(trade, Axis("recall: diversity"), Axis("precision"), label="precision against recall")
        drawn.append(("quality against diversity, by guidance scale", figure))
    if cost:
        figure = chart(cost, Axis("guidance scale"), Axis(log=True), label="distance against guidance scale")
        drawn.append(("distance against guidance scale", figure))
    return charts(drawn)


def leading(reports: Reports) -> tuple[str, list[Mapping[str, Any]]]:
    """The metric that a chart of only one shows, a distance where there is one, and the reports that have it."""
    known = dict.fromkeys(name for report in reports for name in report["metrics"])
    name = next(name for name in ("frechet", "kernel", *known) if name in known)
    return name, [report for report in reports if name in report["metrics"]]


def calls(sampler: str) -> int:
    """Calls of the denoiser in a step. Guidance, which is the same for all points of a chart, may double them."""
    return int(getattr(importlib.import_module(f"core.samplers.{sampler}"), "CALLS", 1))


def _guidance(report: Mapping[str, Any]) -> tuple[float, str]:
    return report["asked"]["guidance"], str(report["asked"]["guidance_settings"])


def _base(reports: Reports) -> str:
    """The guidance of most, but for its scale."""
    kinds = [str(r["asked"]["guidance_settings"]) for r in reports]
    return max(kinds, key=kinds.count, default="")
