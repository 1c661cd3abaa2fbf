"""Ranges of a recipe's values, and what two of its keys must have in common. Raises ValueError in one line."""

import dataclasses
import math
import typing
from typing import Any

from tools import nearest
from tools.layers import Tree, fields
from tools.schema import Recipe

FROM_ZERO = {"dropout": {"at_least": 0, "at_most": 1}, "positions": {"at_least": 0}}
"""Numbers of a network that may be 0; all others count something that there must be."""


def check(tree: Tree) -> None:
    """Every value against the range in the schema, then the rules that join two keys."""
    _walk(tree, Recipe, "")
    _together(tree)


def _walk(tree: Tree, kind: type, prefix: str) -> None:
    for field, hint in fields(kind):
        key = prefix + field.name
        if field.name not in tree:
            raise ValueError(f"the recipe has no {key}")
        if dataclasses.is_dataclass(hint):
            _walk(tree[field.name], typing.cast(type, hint), f"{key}.")
        else:
            _value(key, tree[field.name], field.metadata)


def _value(key: str, value: Any, rule: Any) -> None:
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{key} must be finite, got {number}")
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if rule.get("at_least") is not None and number < rule["at_least"]:
            raise ValueError(f"{key} must be at least {rule['at_least']}, got {number}")
        if rule.get("above") is not None and number <= rule["above"]:
            raise ValueError(f"{key} must be above {rule['above']}, got {number}")
        if rule.get("at_most") is not None and number > rule["at_most"]:
            raise ValueError(f"{key} must be at most {rule['at_most']}, got {number}")
    if rule.get("one_of") and value not in rule["one_of"]:
        allowed = ", ".join(rule["one_of"])
        raise ValueError(f"{key} must be one of {allowed}, got {value!r}{nearest.hint(value, rule['one_of'])}")


def _together(tree: Tree) -> None:
    train, network = tree["train"], tree["network"]
    for name, value in network.items():
        _value(f"network.{name}", value, FROM_ZERO.get(name, {"at_least": 1}))
    if tree["data"]["stills"] > 0 and tree["modality"] != "video":
        raise ValueError(f"data.stills is for modality=video: {tree['modality']} has no frames to mix stills into")
    if tree["data"]["stills"] > 0 and network.get("temporal_patch", 1) > 1:
        raise ValueError("data.stills is for network.temporal_patch=1: frames folded together see each other")
    if tree["conditions"] and tree["stage"] != "diffusion":
        raise ValueError(
            f"conditions are for stage=diffusion, not for stage={tree['stage']}, which knows classes alone"
        )
    if tree["loss"]["name"] != "denoising" and tree["stage"] != "diffusion":
        raise ValueError(
            f"loss={tree['loss']['name']} is for stage=diffusion, stage={tree['stage']} has losses of its own"
        )
    if tree["sample"]["sigma_rel"] is not None and tree["sample"]["weights"] == "raw":
        raise ValueError("sample.sigma_rel is the width of an average: weights=raw asks for none")
    if tree["posthoc"]["every"] is not None and tree["stage"] != "diffusion":
        raise ValueError(f"posthoc.every is for stage=diffusion: stage={tree['stage']} keeps one average, `ema`")
    if train["steps"] is None and train["minutes"] is None:
        raise ValueError("training has no end: give train.steps=N or train.minutes=M")
    if train["batch"] % train["accumulate"]:
        raise ValueError(
            f"train.batch={train['batch']} does not split into train.accumulate={train['accumulate']} parts"
        )
    if not network["multipliers"]:
        raise ValueError("network.multipliers must not be empty")
    levels = len(network["multipliers"])
    entries = {"attention": levels, "temporal_attention": levels, "blocks": levels, "factors": levels - 1}
    for name, wanted in entries.items():
        value = network.get(name)
        if isinstance(value, list) and len(value) != wanted:
            raise ValueError(
                f"network.{name} has {len(value)} entries, but network.multipliers={network['multipliers']} "
                f"asks for {wanted}: one per {'change of level' if name == 'factors' else 'level'}"
            )
