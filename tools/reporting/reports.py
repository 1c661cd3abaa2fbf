"""Which evaluations of some runs may stand in one table and in one chart, and the table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tools import guidance
from tools.evaluation.table import number, units
from tools.reporting.runs import Run

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Comparable:
    """`of` each run by its name: reports of its newest checkpoint, over the same features and counts, the newest last.

    `said`: those features and counts in words; `left`: how many others there are.
    """

    of: dict[str, list[dict[str, Any]]]
    said: str
    left: int

    def __bool__(self) -> bool:
        return any(self.of.values())


def comparable(runs: Sequence[Run]) -> Comparable:
    """Distances over other features are in other units, and over other counts of another bias: the largest group of
    reports that may be compared is kept."""
    newest = {
        run.name: [r for r in run.evaluations() if r.get("asked") and _of(r) == _name(run.checkpoint)] for run in runs
    }
    groups = Counter(_units(report) for reports in newest.values() for report in reports)
    if not groups:
        return Comparable({run.name: [] for run in runs}, "", 0)
    chosen = max(groups, key=lambda group: groups[group])
    kept = {name: [r for r in reports if _units(r) == chosen] for name, reports in newest.items()}
    features, samples, real, data, split = chosen
    said = f"{samples} samples against {real} real examples of {data}, {split}; features {features}"
    return Comparable(kept, said, groups.total() - groups[chosen])


def _units(report: Report) -> tuple[str, ...]:
    return tuple(units(report).values())


def _of(report: Report) -> str:
    return Path(report["evaluated"]).name


def _name(folder: Path | None) -> str:
    return "" if folder is None else folder.name


def as_trained(run: Run, reports: Sequence[Report]) -> Report | None:
    """The newest report whose samples were drawn as the recipe of the run says; None where there is none."""
    for report in reversed(reports):
        asked, recipe = report["asked"], run.recipe
        if recipe.stage != "diffusion":
            return report
        says = [recipe.sampler.name, recipe.sampler.steps, recipe.sampler.grid, recipe.guidance.scale]
        says.append(json.loads(json.dumps(guidance.settings(recipe.guidance))))
        if [asked[key] for key in ("sampler", "steps", "grid", "guidance", "guidance_settings")] == says:
            return report
    return None


def table(runs: Sequence[Run], found: Comparable) -> str:
    """Metrics down, runs across, beside each its 95 % interval; the floor last."""
    columns = [(run.name, as_trained(run, found.of[run.name])) for run in runs]
    known = [(name, report) for name, report in columns if report]
    if not known:
        return ""
    titles = {name: entry["title"] for _, report in known for name, entry in report["metrics"].items()}
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in known)
    rows = []
    for metric, title in titles.items():
        cells = "".join(f"<td>{_cell(report['metrics'].get(metric))}</td>" for _, report in known)
        floors = (report["metrics"].get(metric, {}).get("floor") for _, report in known)
        known_floor = next((value for value in floors if value is not None), None)
        rows.append(f"<tr><td>{escape(title)}</td>{cells}<td class=quiet>{number(known_floor)}</td></tr>\n")
    return (
        f'<div class="table"><table><thead><tr><th></th>{head}<th>real examples</th></tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody></table></div>\n"
    )


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    between = "" if entry["low"] is None else f" <small>{number(entry['low'])} to {number(entry['high'])}</small>"
    return f"{number(entry['value'])}{between}"
