"""An evaluation as a table for the eye, a JSON file for programs, and the rule of what may be compared with what.

{"metrics": {"frechet": {"title", "value", "low", "high", "floor", "better"}, …},
 "features": {"name", "identity", "width"}, "samples": …, "real": …, "notes": […]}
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modalities.features.network import FeatureNetwork
from modalities.writing import write_bytes
from tools.evaluation.measures import MEASURES, Value
from tools.evaluation.score import Result

OTHERS = {
    "likelihood": ("likelihood of held-out data, bits per dimension", "lower"),
    "reconstruction": ("reconstruction of held-out data, dB", "higher"),
    "memorisation": ("distance to training data over that of held-out data", "real"),
}
"""Title and direction of the metrics that need more than two sets of features."""

COUNTED = ("frechet", "kernel", "precision", "recall", "density", "coverage", "score")
"""Metrics over the features of the network."""


def title(name: str, titles: Mapping[str, str], frames: int | None) -> str:
    """How a metric is called over this network: FID, or a Fréchet distance; of clips with their length."""
    if name in OTHERS:
        return OTHERS[name][0]
    plain = next(m.titles[name] for m in MEASURES if name in m.titles)
    said = titles.get(name, plain)
    if frames is None or name not in COUNTED:
        return said
    return f"{said}{frames}" if said.isupper() else f"{said}, {frames} frames"


def report(result: Result, others: Mapping[str, Value], *, frames: int | None, about: Mapping[str, Any]) -> dict:
    """All of an evaluation as plain values. `about`: what was evaluated and against what."""
    titles = getattr(result.network, "titles", {})
    better = {name: m.better for m in MEASURES for name in m.titles} | {name: b for name, (_, b) in OTHERS.items()}
    metrics = {}
    for name, value in {**result.values, **others}.items():
        floor = result.floors.get(name)
        metrics[name] = {
            "title": title(name, titles, frames),
            **value._asdict(),
            "floor": floor.value if floor else None,
            "better": better[name],
        }
    return {
        "metrics": metrics,
        **identity(result.network, result.samples.count, result.real.count),
        "notes": result.notes,
        **about,
    }


def identity(network: FeatureNetwork, samples: int, real: int) -> dict[str, Any]:
    """What a distance is in units of, and what its bias depends on."""
    return {
        "features": {"name": network.name, "identity": network.identity, "width": network.width},
        "samples": {"count": samples},
        "real": {"count": real},
    }


def lines(found: dict, against: dict | None = None) -> list[str]:
    """The table. With `against`, another report beside it, which must be comparable."""
    rows = [("", "value", "95 % interval", "floor", *(["that of against"] if against else []))]
    for name, entry in found["metrics"].items():
        between = "" if entry["low"] is None else f"{number(entry['low'])} to {number(entry['high'])}"
        row = [entry["title"], number(entry["value"]), between, number(entry["floor"])]
        if against:
            row.append(number(against["metrics"].get(name, {}).get("value")))
        rows.append(tuple(row))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [f"{row[0]:<{widths[0]}}  {_cells(row[1:], widths[1:])}".rstrip() for row in rows]


def _cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def number(value: float | None) -> str:
    """Four digits, and an empty cell for what there is not."""
    if value is None:
        return ""
    return "-" if not math.isfinite(value) else f"{value:.4g}"


def save(found: dict, path: Path) -> None:
    write_bytes((json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode(), path)


def read(path: Path) -> dict:
    """A saved report, by its file or its folder. Raises ValueError where it is none."""
    if path.is_dir():
        path = path / "evaluation.json"
    try:
        found = json.loads(path.read_text())
        if not {"metrics", "features", "samples", "real"} <= found.keys():
            raise ValueError
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except (ValueError, AttributeError, UnicodeDecodeError):
        raise ValueError(f"{path} is not the report of an evaluation") from None
    return found


def units(found: Mapping[str, Any]) -> dict[str, str]:
    """What must be the same in two reports for their distances to be in one unit and of one bias, in words."""
    return {
        "features": f"{found['features']['name']} {found['features']['identity']}",
        "samples": str(found["samples"]["count"]),
        "real examples": str(found["real"]["count"]),
        "data": str(found.get("data")),
        "split": str(found.get("split")),
    }


def comparable(found: Mapping[str, Any], other: Mapping[str, Any], where: str) -> None:
    """Raise ValueError where two reports have distances of different units or biases."""
    theirs = units(other)
    for what, here in units(found).items():
        if theirs[what] != here:
            raise ValueError(f"{where} cannot be compared with: its {what} are {theirs[what]}, here {here}")
