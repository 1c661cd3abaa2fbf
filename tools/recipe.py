"""Recipes: defaults, then the modality, then the named recipe, then the command line; checked, then a plain dataclass.

    recipe = load(["modality=image", "recipe=mnist", "train.minutes=10", "sampler=heun"])
    recipe.train.batch, recipe.sampler.name, recipe.sampler.options

Only this file and `command_line` know OmegaConf. Whatever is wrong with a recipe is a ValueError of one line. Recipes
name our parts by short names and hold plain values, so that a recipe from a stranger can run nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import configs
from core import discover
from modalities import condition
from modalities.writing import write_bytes
from tools import components, nearest, ranges
from tools.command_line import SHORT, arguments, first_line
from tools.layers import Tree, checked, flat, keys, merged, written
from tools.loss import brought, going_on
from tools.schema import Recipe

SAMPLING = (
    *("run", "seed", "device", "precision", "compile", "channels_last"),
    *("sampler", "guidance", "evaluate", "sample"),
)
"""What the command line of sampling may say; the rest is a matter of training and fixed by the run."""

DENOISERS = ("sampler", "guidance")
"""Groups that only the samples of a denoiser are made by."""

ONE_PASS = ("sampler.noise_scale",)
"""Keys of them that count where a sample takes one pass of a network, too: the temperature of its noise."""

ADDED: Tree = {
    "stage": "diffusion",
    "start": None,
    "media": {"embedded": "simple"},
    "ema": {"name": "warm_up"},
    "posthoc": {"every": None, "sigma_rels": [0.05, 0.1]},
    "latents": None,
    "latent_space": {"shift": None, "scale": None, "fingerprint": ""},
    "data": {"examples": []},
    "conditions": {},
    "sample": {
        "condition": {},
        "overlap": 0.5,
        **dict.fromkeys(
            ("tile", "sigma_rel", "prompt", "prompts", "negative_prompt", "reference", "frames", "seconds")
        ),
    },
    "loss": {"name": "denoising", "draws": "stratified", "coupling": "independent", "error": "squared"},
    "sampler": {"path": None, "noise_scale": 1.0, "score_scale": 1.0},
    "guidance": {
        "name": "classifier_free",
        "rescale": 0.0,
        **dict.fromkeys(("interval", "threshold", "negative", "weaker")),
    },
}
"""Keys that runs of an earlier time do not hold, with what those were trained with."""

LATER = ("autoencoder", "gan", "evaluate")
"""Groups that belong to one stage of training: runs from before it was there take them as the defaults have them."""

RENAMED = {"loss": {"label_dropout": "condition_dropout"}}
"""Keys by group that runs and recipes of an earlier time hold under another name."""

MAY_DIFFER = (
    *(
        "recipe",
        "run",
        "resume",
        "latents",
        "device",
        "compile",
        "channels_last",
        "data.workers",
        "train.steps",
        "train.minutes",
    ),
    *("checkpoint", "log", "sampler", "guidance", "sample", "evaluate", "data.examples"),
)
"""Keys and groups under which a run may be continued with other values: they do not change what is trained."""


def load(argv: Sequence[str]) -> Recipe:
    """The recipe of a training. Raises ValueError where the arguments or a file of theirs are wrong."""
    said = _renamed(arguments(argv))
    if said.get("run") and "recipe" not in said and "modality" not in said:  # a run says itself what it is
        stored = Path(str(said["run"])).expanduser() / "recipe.yaml"
        if stored.is_file():
            return _over(_tree(read(stored)), said)
    if said.get("start"):
        return _started(said)
    chosen = _named(said.get("recipe"))
    wanted = str(said.get("modality") or chosen.get("modality") or "")
    if not wanted:
        ready = ", ".join(configs.recipes())
        raise ValueError(f"say what to train: modality={'|'.join(configs.modalities())}, or recipe=NAME ({ready})")
    if wanted not in configs.modalities():
        raise nearest.unknown("modality", wanted, configs.modalities())
    if chosen.get("start"):
        raise ValueError(f"recipe={said['recipe']}: start= is said on the command line, and brings a recipe itself")
    if chosen.get("modality", wanted) != wanted:
        raise ValueError(f"recipe={said['recipe']} is of modality {chosen['modality']}, the command says {wanted}")
    tree = _plain(wanted) | {"modality": wanted}
    tree = _under(tree, chosen)
    tree = _said_over(tree, said)
    if _refers(tree) and not any("scale" in layer.get("guidance", {}) for layer in (chosen, said)):
        tree["guidance"]["scale"] = 1.0
    tree["run"] = tree["run"] or f"runs/{Path(tree['recipe']).stem if tree.get('recipe') else wanted}"
    return _recipe(tree)


def overlay(recipe: Recipe, argv: Sequence[str]) -> Recipe:
    """The recipe of a run with what the command line of sampling says; the seed is 0 unless it says another."""
    said = arguments(argv, short=True)
    tree = _tree(recipe)
    known = [*keys(), *components.option_keys(tree)]
    for key in flat(said):
        if key.split(".")[0] in DENOISERS and key not in ONE_PASS and recipe.stage != "diffusion":
            raise ValueError(f"{key} has no meaning for stage={recipe.stage}: a sample takes one pass of its network")
        if key.split(".")[0] in SAMPLING:
            continue
        if key in known:
            raise ValueError(f"{key} is fixed by training; sampling takes {', '.join((*SHORT, *SAMPLING[:-1]))}")
        sampling = [k.removeprefix("sample.") for k in known if k.split(".")[0] in SAMPLING]
        raise ValueError(f"unknown key {key}{nearest.hint(key, sampling)}")
    return _over(tree | {"seed": 0}, said)


def read(path: Path) -> Recipe:
    """A stored recipe, checked like any other. Raises ValueError where it is not one, OSError where it is not there."""
    tree = _yaml(path)
    if any(isinstance(v, str) and "${" in v for v in flat(tree).values()):
        raise ValueError(f"{path}: a stored recipe holds plain values, not ${{...}}")
    try:
        defaults = _file(configs.DEFAULTS)
        return _recipe(merged(checked(ADDED | {group: defaults[group] for group in LATER}), checked(tree)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save(recipe: Recipe, path: Path) -> None:
    """Write the recipe as YAML, in one piece or not at all."""
    text = OmegaConf.to_yaml(OmegaConf.create(written(_tree(recipe))))
    write_bytes(text.encode(), path)


def difference(a: Recipe, b: Recipe) -> list[str]:
    """Dotted keys in which two recipes train something different. The same data by another path is no difference."""
    left, right = flattened(a), flattened(b)
    for side in (left, right):
        side |= {key: side[key] and str(Path(side[key]).resolve()) for key in ("data.path", "start")}
    apart = [k for k in {**left, **right} if left.get(k) != right.get(k)]
    return [k for k in apart if not any(k == m or k.startswith(f"{m}.") for m in MAY_DIFFER)]


def value(recipe: Recipe, key: str) -> Any:
    """The value at a dotted key, for messages; None where the recipe has no such key."""
    return flattened(recipe).get(key)


def flattened(recipe: Recipe) -> dict[str, Any]:
    """Every value by its dotted key."""
    return flat(_tree(recipe))


def argument(argv: Sequence[str], name: str) -> str | None:
    """The raw text of `name=` on a command line; the last one counts."""
    given = [a.partition("=")[2] for a in argv if a.partition("=")[0] == name]
    return given[-1] if given else None


def _named(name: Any) -> Tree:
    """The tree of `recipe=NAME` or `recipe=PATH.yaml`; empty where none was named."""
    if name is None:
        return {}
    if str(name).endswith((".yaml", ".yml")):
        path = Path(str(name)).expanduser()
        if not path.is_file():
            raise ValueError(f"recipe={name}: there is no such file")
    elif name not in configs.recipes():
        raise nearest.unknown("recipe", name, configs.recipes())
    else:
        path = configs.recipes()[name]
    tree = _file(path)
    if tree.get("modality", "") not in configs.modalities():
        raise ValueError(
            f"{path}: must say modality: {' or '.join(configs.modalities())}, got {tree.get('modality')!r}"
        )
    return tree | {"recipe": str(name)}


def _file(path: Path) -> Tree:
    try:
        return checked(_yaml(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from None


def _renamed(tree: Tree) -> Tree:
    """A tree with its keys under today's names."""
    groups = {group: names for group, names in RENAMED.items() if isinstance(tree.get(group), dict)}
    return tree | {g: {names.get(k, k): v for k, v in tree[g].items()} for g, names in groups.items()}


def _yaml(path: Path) -> Tree:
    try:
        tree = OmegaConf.to_container(OmegaConf.load(path))
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a recipe: {first_line(error)}") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{path} is not a recipe: it must hold keys and values")
    return _renamed({str(k): v for k, v in tree.items()})


def _over(tree: Tree, said: Tree) -> Recipe:
    """The typed recipe of `tree` with the command line over it."""
    return _recipe(_said_over(tree, said))


def _started(said: Tree) -> Recipe:
    """The recipe of a run that starts from another one: that one's, under what the command line says."""
    start = Path(str(said["start"])).expanduser()
    for key in ("recipe", "modality"):
        if key in said:
            raise ValueError(f"start={said['start']} brings its own recipe: say single keys over it, not {key}=")
    if not said.get("run"):
        raise ValueError(f"start={said['start']} needs run=, the folder of the new run")
    if not (start / "recipe.yaml").is_file():
        raise ValueError(f"start={said['start']}: there is no run")
    theirs = _tree(read(start / "recipe.yaml"))
    theirs["resume"], theirs["data"]["examples"] = "auto", []
    if (start / "autoencoder").is_dir():
        theirs["latents"] = str(start / "autoencoder")
    tree = _said_over(theirs, said)
    return _recipe(going_on(tree, theirs, start))


def _said_over(tree: Tree, said: Tree) -> Tree:
    """`tree` under the words of a command line."""
    return _under(tree, checked(said, also=_options_after(tree, said)))


def _under(tree: Tree, layer: Tree) -> Tree:
    """`tree` under its next layer, with what the loss that this one names brings along."""
    return merged(brought(tree, layer, lambda: _plain(tree["modality"])), layer)


def _plain(modality: str) -> Tree:
    """What a modality's recipes begin with."""
    return merged(_file(configs.DEFAULTS), _file(configs.modalities()[modality]))


def _refers(tree: Tree) -> bool:
    """Whether the model is given another signal to follow."""
    named = (node["name"] for node in tree["conditions"].values())
    kinds = (discover.resolve(condition.PACKAGE, name) for name in named if name in discover.names(condition.PACKAGE))
    return any(kind.word == "reference" for kind in kinds)


def _options_after(tree: Tree, said: Tree) -> list[str]:
    """Option keys of the components that will be chosen once `said` is laid over `tree`."""
    try:
        return components.option_keys(merged(tree, checked(said)))
    except ValueError:
        return components.option_keys(tree)


def _tree(recipe: Recipe) -> Tree:
    return OmegaConf.to_container(OmegaConf.structured(recipe))  # type: ignore[return-value]


def _home(tree: Tree) -> Tree:
    """`~` in paths: the shell does not expand it behind a key."""
    places = (tree, "run"), (tree, "start"), (tree["data"], "path"), (tree["sample"], "out")
    for node, name in places:
        if node[name]:
            node[name] = str(Path(node[name]).expanduser())
    return tree


def _recipe(tree: Tree) -> Recipe:
    """The typed object of a complete tree: components, ranges, and that nothing is missing."""
    tree = components.check(tree)
    ranges.check(tree)
    components.rehearse(tree)
    tree = _home(tree)
    try:
        recipe = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Recipe), tree))
    except OmegaConfBaseException as error:
        raise ValueError(first_line(error)) from None
    assert isinstance(recipe, Recipe)
    return recipe
