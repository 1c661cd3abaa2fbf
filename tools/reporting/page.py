"""The page of a report: settings side by side, curves, samples, and what evaluations found."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tools.pages.document import document, inline, media
from tools.reporting import curves, reports, settings, trade_offs
from tools.reporting.runs import Run


def page(runs: Sequence[Run], shown: Mapping[str, Sequence[Path]]) -> str:
    """The whole page, which needs no other file. `shown`: by the name of a run, its sheet and some of its sounds."""
    found = reports.comparable(runs)
    sections = {
        "Settings": _settings(runs),
        "Training": curves.training(runs) + _weighed(runs),
        "Samples": _samples(runs, shown),
        "Quality while training": curves.quality(runs),
        "Evaluation": reports.table(runs, found),
        "Quality against steps": trade_offs.steps(runs, found.of),
        "Guidance": trade_offs.guidance(runs, found.of),
    }
    if found:
        sections["Evaluation"] += f'<p class="quiet">{escape(found.said)}.{_left(found.left)}</p>\n'
    kept = {title: body for title, body in sections.items() if body}
    links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in kept)
    parts = "".join(
        f'<section id="{_anchor(title)}">\n<h2>{title}</h2>\n{body}</section>\n' for title, body in kept.items()
    )
    names = ", ".join(run.name for run in runs)
    return document(f"Trifuse: {names}", f"<h1>{escape(names)}</h1>\n<nav>{links}</nav>\n{parts}")


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _settings(runs: Sequence[Run]) -> str:
    """What differs as a table, and what is shared, folded away."""
    head = "".join(f'<th class="s{run.number % 8}">{escape(run.name)}</th>' for run in runs)
    rows = [[key, *values] for key, values in [("steps trained", _trained(runs)), *settings.differing(runs)]]
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    alike = "\n".join(escape(f"{key}={value}") for key, value in settings.shared(runs))
    word = "the other settings, shared by all" if len(runs) > 1 else "the settings"
    return (
        f'<div class="table"><table><thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'
        f"<details><summary>{word}</summary><pre>{alike}</pre></details>\n"
    )


def _trained(runs: Sequence[Run]) -> list[str]:
    """«1,980 in 8.0 min» of each run, as its log says."""
    ends = [run.log[-1] if run.log else {} for run in runs]
    return [f"{end['step']:,} in {end['seconds'] / 60:.1f} min" if "seconds" in end else "—" for end in ends]


def _weighed(runs: Sequence[Run]) -> str:
    """A warning where the losses measure different things."""
    keys = [key for key, _ in settings.differing(runs) if key.startswith(("loss.", "denoiser.", "modality", "stage"))]
    if not keys or len(runs) < 2:
        return ""
    differing = escape(", ".join(keys))
    return f'<p class="quiet">The losses are not in the same units; these settings differ: {differing}.</p>\n'


def _samples(runs: Sequence[Run], shown: Mapping[str, Sequence[Path]]) -> str:
    """A sheet of each run, from the same seeds, and players for sounds."""
    parts = []
    for run in runs:
        if run.name in shown:
            files = "".join(media(inline(path), path.suffix, f"samples of {run.name}") for path in shown[run.name])
            parts.append(f'<h3 class="s{run.number % 8}">{escape(run.name)}</h3>\n<div class="samples">{files}</div>\n')
    return "".join(parts)


def _left(count: int) -> str:
    what = "evaluation" if count == 1 else "evaluations"
    return f" Left out: {count} {what} over other features or counts." if count else ""
