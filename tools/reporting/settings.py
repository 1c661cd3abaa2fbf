"""The settings of some runs side by side: first those that differ, then those that all share."""

from collections.abc import Sequence

from tools import recipe as recipes
from tools.reporting.runs import Run

ASIDE = (
    "run",
    "resume",
    "sample.",
    "latent_space.",
    "data.examples",
    "data.classes",
    "data.workers",
    "log.",
    "checkpoint.",
)
"""Keys that say nothing about how a model came to be."""


def differing(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Dotted keys that are not the same in all runs, and their values in each, as text; an em dash for none."""
    return [(key, values) for key, values in _all(runs) if len(set(values)) > 1]


def shared(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Dotted keys that all runs have alike."""
    return [(key, values[0]) for key, values in _all(runs) if len(set(values)) == 1 and values[0] != "—"]


def _all(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    trees = [recipes.flattened(run.recipe) for run in runs]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    kept = [key for key in keys if not key.startswith(ASIDE)]
    return [(key, [_text(tree.get(key)) for tree in trees]) for key in kept]


def _text(value: object) -> str:
    if value is None or value == []:
        return "—"
    return f"{value:g}" if isinstance(value, float) else str(value)
