"""What a loss asks of the rest of a recipe: what it brings along, and what it takes from a run that it goes on from.

The names are those of `core.losses`. Everything here is laid under what a recipe or the command line says.
"""

from collections.abc import Callable
from pathlib import Path

from tools.layers import Tree, merged

ENDS = ("consistency", "distillation")
"""Losses of models that answer with the end of a path and with nothing else."""

GUIDED = ("distillation", "mean_flow")
"""Losses with options `scale` and `interval`: guidance is trained into the model."""

_ENDS: Tree = {
    "sampler": {"name": "consistency", "steps": 2, "grid": {"name": "uniform"}},
    "guidance": {"scale": 1.0},  # a jump to the end of a path is not to be extrapolated
}
BRINGS: dict[str, Tree] = {
    "hybrid": {"sampler": {"name": "ddpm"}},
    "mean_flow": _ENDS | {"sampler": _ENDS["sampler"] | {"name": "ddim"}},
    **dict.fromkeys(ENDS, _ENDS),
}
"""By loss, how its models are drawn where neither the layer that names the loss nor a later one says."""


def brought(tree: Tree, layer: Tree, plain: Callable[[], Tree]) -> Tree:
    """`tree` with the sampling that goes with the loss that `layer`, the next to lie over it, names; where the loss of
    `tree` brought steps of its own, which no longer fit, that of `plain()`, the modality's defaults."""
    old, new = tree["loss"]["name"], layer.get("loss", {}).get("name")
    if new is None or new == old:
        return tree
    if "steps" in BRINGS.get(old, {}).get("sampler", {}):
        usual = plain()
        tree = tree | {group: usual[group] for group in ("sampler", "guidance")}
    return merged(tree, BRINGS.get(new, {}))


def going_on(tree: Tree, theirs: Tree, start: Path) -> Tree:
    """`tree`, a recipe over that of the run `start`, which is `theirs`, with what its loss takes from there.

    Raises ValueError where the guidance of that run is of a kind that cannot be trained into a model.
    """
    loss, prediction = tree["loss"], tree["denoiser"]["prediction"]
    if loss["name"] in ENDS and prediction == theirs["denoiser"]["prediction"] == {"name": "x0"}:
        anchored = {"name": "anchored"}  # the same but for the lowest noise, where it must be x
        tree = merged(tree, {"denoiser": {"prediction": anchored}})
    given = loss.get("options", {})
    taken: Tree = {}
    if loss["name"] == "consistency" and theirs["loss"]["name"] in ENDS:
        taken["wait"] = 0.0  # it jumps already, and is not to forget it first
    if loss["name"] == "mean_flow" and theirs["loss"]["name"] not in (*ENDS, "mean_flow"):
        taken["wait"] = 0.0  # it has learned its means
    if loss["name"] in GUIDED and "scale" not in given and theirs["loss"]["name"] != loss["name"]:
        taken |= _guidance(theirs, start) if loss["name"] == "distillation" else _trained_in(theirs, start)
    return tree | {"loss": loss | {"options": taken | given}}


def _trained_in(theirs: Tree, start: Path) -> Tree:
    """The guidance that a run's samples have, by its training or by its sampling."""
    options = theirs["loss"].get("options", {})
    if theirs["loss"]["name"] in GUIDED:
        return {name: options[name] for name in ("scale", "interval") if name in options}
    return _guidance(theirs, start)


def _guidance(theirs: Tree, start: Path) -> Tree:
    """The scale at which a run draws, and its interval. Raises ValueError where these do not say how it does."""
    guidance = theirs["guidance"]
    plain = {"name": "classifier_free", "rescale": 0.0}
    said = ("scale", "interval")
    more = [k for k, v in guidance.items() if k not in said and v not in (None, {}, plain.get(k))]
    if more:
        raise ValueError(
            f"start={start} draws with guidance.{more[0]}={guidance[more[0]]}, which cannot be distilled: say "
            "loss.scale=, the scale of plain guidance at every level"
        )
    interval = {} if guidance.get("interval") is None else {"interval": guidance["interval"]}
    return {"scale": float(guidance["scale"])} | interval
