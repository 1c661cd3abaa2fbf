"""From the keys of `guidance` to one denoiser: a method of `core.guidance`, then rescaling, interval, threshold.

A recipe names the methods that need nothing but what a recipe has; `core.guidance` has more for those who write Python.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.discover import names, resolve
from core.guidance.dynamic_threshold import dynamic_threshold
from core.guidance.interval import interval
from core.guidance.rescale import rescale
from core.schedule import Denoise
from tools import nearest
from tools.schema import Guidance

PACKAGE = "core.guidance"
HAVE = {"conditional", "unconditional", "weaker", "schedule", "times"}
"""What a recipe has for a method to guide with; see `core.guidance`."""


def takes(name: str) -> list[str]:
    """What the method guides with: the names of its positional arguments."""
    parameters = inspect.signature(resolve(PACKAGE, name)).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def methods() -> list[str]:
    return [n for n in names(PACKAGE) if takes(n)[0] == "conditional" and HAVE.issuperset(takes(n))]


def check(plan: Guidance) -> None:
    """Raises ValueError in one line for a method that a recipe cannot name, and for keys that it has no use for."""
    if plan.name not in methods():
        raise nearest.unknown("guidance", plan.name, methods())
    needs = takes(plan.name)
    if "weaker" in needs and plan.weaker is None:
        raise ValueError(f"guidance={plan.name} needs a weaker model: guidance.weaker=runs/OTHER")
    for key, value, role in (("weaker", plan.weaker, "weaker"), ("negative", plan.negative, "unconditional")):
        if value is not None and role not in needs:
            can = [n for n in methods() if role in takes(n)]
            raise ValueError(f"guidance.{key} is of no use to guidance={plan.name}, only to {', '.join(can)}")
    if plan.interval is not None and len(plan.interval) != 2:
        raise ValueError(f"guidance.interval must be two levels, [low, high], got {plan.interval}")


def compose(plan: Guidance, models: Mapping[str, Any]) -> Denoise:
    """The guided denoiser. `models` holds what `HAVE` names; where nothing is known that the unconditional model does
    not know, there is nothing to guide by and `unconditional` is the same object as `conditional`."""
    denoise = conditional = models["conditional"]
    if "unconditional" not in takes(plan.name) or models["unconditional"] is not conditional:
        method = resolve(PACKAGE, plan.name)
        denoise = method(*(models[role] for role in takes(plan.name)), scale=plan.scale, **plan.options)
    denoise = rescale(denoise, conditional, phi=plan.rescale)
    if plan.interval is not None:
        low, high = plan.interval
        denoise = interval(denoise, conditional, models["schedule"], low=low, high=high)
    return denoise if plan.threshold is None else dynamic_threshold(denoise, quantile=plan.threshold)


def settings(plan: Guidance) -> dict[str, Any]:
    """What was set beside the scale, for manifests: the options and every key that is not off."""
    off = {"name": "classifier_free", "rescale": 0.0}
    own = {f.name: getattr(plan, f.name) for f in dataclasses.fields(plan) if f.name not in ("scale", "options")}
    return {k: v for k, v in own.items() if v is not None and v != off.get(k)} | plan.options


def word(plan: Guidance) -> str:
    """«guidance2», «guidance2-apg-eta0.5»: for the name of a folder."""
    parts = [f"guidance{plan.scale:g}"]
    for key, value in settings(plan).items():
        shown = ",".join(f"{v:g}" for v in value) if isinstance(value, list) else Path(str(value)).name
        parts.append(shown if key == "name" else f"{key}{shown}")
    return "-".join(parts)
