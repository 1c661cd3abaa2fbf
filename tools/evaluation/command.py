"""The command line of `tools/evaluate.py`: what is evaluated, against what, and where the report goes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import guidance, nearest
from tools import recipe as recipes
from tools.evaluation import measures, probe, table
from tools.sample import newest
from tools.schema import Recipe

OWN = ("samples", "data", "out", "against")
"""Keys of the command line that are no keys of a recipe."""

SHORT = ("n", "real", "split", "metrics", "features", "floor", "held_out")
"""Keys of `evaluate.` that are also taken without the prefix; `call.` too."""


@dataclass(frozen=True)
class Task:
    """What a command line asks for. Either `checkpoint` or `samples` is given."""

    recipe: Recipe
    data: Path | None
    """None is the embedded generator."""
    out: Path
    checkpoint: Path | None = None
    samples: Path | None = None
    n: int | None = None
    """At most so many of the files of `samples`; None: all."""
    against: dict[str, Any] | None = None
    """The report to set beside."""
    note: str = ""

    def wants(self, name: str) -> bool:
        """Whether one of the metrics that take longer is asked for."""
        wanted = self.recipe.evaluate.metrics or []
        return name in wanted or "all" in wanted

    @property
    def metrics(self) -> list[str] | None:
        """The metrics over two sets that are asked for; None: all that fit."""
        return wanted(self.recipe)


def task(argv: list[str]) -> Task:
    """Raises ValueError, in one line, for a command line that cannot be followed."""
    own, words = divided(argv)
    run, folder = recipes.argument(argv, "run"), own.get("samples")
    if bool(run) == bool(folder):
        raise ValueError("say what to evaluate: run=runs/NAME or samples=FOLDER, one of the two")
    against = _against(own["against"]) if "against" in own else None
    if run:
        checkpoint = newest(argv)
        recipe = recipes.overlay(recipes.read(checkpoint / "recipe.yaml"), words)
        check_metrics(recipe.evaluate.metrics)
        more = [f"data={own['data']}", *words] if "data" in own else words
        out = _path(own["out"]) if "out" in own else default_out(recipe, checkpoint, more)
        return Task(recipe, place(own.get("data", recipe.data.path)), out, checkpoint=checkpoint, against=against)
    samples = _path(str(folder))
    if not samples.is_dir():
        raise ValueError(f"samples={folder}: there is no such folder")
    if "data" not in own:
        raise ValueError("say what to compare with: data=PATH, or data=embedded for the generators")
    recipe, note = recipe_of(samples, words)
    check_metrics(recipe.evaluate.metrics)
    for name in ("likelihood", "reconstruction"):
        if name in (recipe.evaluate.metrics or []):
            raise ValueError(f"{name} is a matter of a diffusion model, not of samples: give run=runs/NAME of one")
    n = recipe.evaluate.n if any(word.startswith("evaluate.n=") for word in words) else None
    out = _path(own["out"]) if "out" in own else samples.with_name(f"{samples.name}-evaluation")
    return Task(recipe, place(own["data"]), out, samples=samples, n=n, against=against, note=note)


def wanted(recipe: Recipe) -> list[str] | None:
    """The metrics that a recipe asks for; None: all that fit."""
    names = recipe.evaluate.metrics
    return None if names is None or "all" in names else names


def divided(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """Our own keys, and the words of a recipe by their full names."""
    own, words = dict[str, str](), list[str]()
    for word in argv:
        key, equals, value = word.partition("=")
        if equals and key in OWN:
            own[key] = value
        elif equals and (key in SHORT or key.startswith("call.")):
            several = key == "metrics" and not value.startswith("[") and value != "null"
            words.append(f"evaluate.{key}={f'[{value}]' if several else value}")
        else:
            words.append(word)
    return own, words


def place(data: str | None) -> Path | None:
    """Where the real examples are; `embedded`, and no path, are the generators."""
    return None if data in (None, "", "embedded") else _path(str(data))


def check_metrics(wanted: list[str] | None) -> None:
    """Raises ValueError for a name that is no metric."""
    known = [*measures.names(), *table.OTHERS, "all"]
    for name in wanted or []:
        if name not in known:
            raise nearest.unknown("metric", name, known)


def recipe_of(samples: Path, words: list[str]) -> tuple[Recipe, str]:
    """A recipe with the media options of the sample files but for what the words say, and a note on odd files."""
    kind = probe.kind_of(samples)
    options, note = probe.media_options(samples, kind)
    found = [f"media.{name}={value}" for name, value in options.items()]
    scale = ["media.scale=1"] if kind == "audio" else []
    return recipes.load([f"modality={kind}", *found, *scale, *words, "run=none"]), note


SAID = ("evaluate.n", "seed", "sampler", "sampler.steps", "guidance", "run", "device", "sample.batch")
"""Keys whose values stand in the name of the folder, or change nothing."""


def default_out(recipe: Recipe, checkpoint: Path, words: Sequence[str]) -> Path:
    """A folder of the run that says what was evaluated; whatever else the command line says is a digest in it."""
    parts = [checkpoint.name]
    if recipe.stage == "diffusion":
        parts += [recipe.sampler.name, str(recipe.sampler.steps), guidance.word(recipe.guidance)]
    parts += [f"n{recipe.evaluate.n}", f"seed{recipe.seed}"]
    others = sorted(w for w in words if (key := w.partition("=")[0]) not in SAID and not key.startswith("guidance."))
    if others:
        parts.append(hashlib.blake2b("\n".join(others).encode(), digest_size=3).hexdigest())
    return Path(recipe.run) / "evaluations" / "-".join(parts)


def _against(text: str) -> dict[str, Any]:
    try:
        return table.read(_path(text))
    except ValueError as error:
        raise ValueError(f"against={error}") from None


def _path(text: str) -> Path:
    return Path(text).expanduser()
