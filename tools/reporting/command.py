"""The command line of `tools/report.py`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import discover
from tools import nearest
from tools import recipe as recipes
from tools.reporting.sweeps import SWEEPS, Plan

OWN = {"out": "report.html", "samples": "16", "sweep": "", "samplers": "", "steps": "5,10,20,50", "scales": "1,2,4,8"}


@dataclass(frozen=True)
class Task:
    """`plan`: evaluations to make where they are missing; None where the page shows only what is there."""

    folders: Sequence[str]
    out: Path
    samples: int
    plan: Plan | None
    device: str


def task(argv: Sequence[str]) -> Task:
    """Raises ValueError, in one line, for a command line that cannot be followed."""
    given, folders, words = dict(OWN), list[str](), list[str]()
    for word in argv:
        key, equals, value = word.partition("=")
        if not equals:
            folders.append(word)
        elif key in OWN:
            given[key] = value
        else:
            words.append(word)
    chosen = _words("sweep", given["sweep"], SWEEPS)
    if words and not chosen and any(not word.startswith("device=") for word in words):
        raise ValueError(f"{words[0]} is a setting of evaluations: say which to make, sweep={','.join(SWEEPS)}")
    plan = Plan(
        chosen,
        _words("samplers", given["samplers"], discover.names("core.samplers")),
        [int(n) for n in _numbers("steps", given["steps"], 1)],
        _numbers("scales", given["scales"], 0),
        words,
    )
    out = Path(given["out"]).expanduser()
    if out.suffix not in (".html", ".htm"):
        raise ValueError(f"out={out} must name a page: NAME.html")
    samples = int(_numbers("samples", given["samples"], 0)[0])
    return Task(folders, out, samples, plan if chosen else None, recipes.argument(argv, "device") or "auto")


def _words(key: str, text: str, known: Sequence[str]) -> list[str]:
    """Names separated by commas."""
    found = [word for word in text.split(",") if word]
    for word in found:
        if word not in known:
            raise nearest.unknown(key, word, known)
    return found


def _numbers(key: str, text: str, least: float) -> list[float]:
    """Numbers separated by commas, of at least `least`; whole ones where they count."""
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    whole = key in ("steps", "samples")
    if not found or any(not least <= n < math.inf or (whole and n != int(n)) for n in found):
        raise ValueError(f"{key}={text} must be {'whole ' if whole else ''}numbers of at least {least:g}, with commas")
    return found
