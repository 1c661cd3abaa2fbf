"""What a recipe says about components, checked against the components themselves.

A schedule, a sampler, a modality or a network states its options in its own signature; nothing is listed here.
"""

import dataclasses
import functools
import importlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from core import discover
from core.sampling import last
from modalities import condition, modality
from modalities.latents.shape import AutoencoderShape
from tools import build, guidance, nearest, signature
from tools.layers import Tree, fields, left_open
from tools.schema import Guidance, Options, Recipe, Sampler

GROUPS = ("media", "network")
"""Groups of options that belong to the modality."""

_SHAPE = {n: p.annotation for n, p in discover.options_of(AutoencoderShape).items()}

MEASURED = ("media.scale", "network.patch")
"""Options that stay null until data and machine have been looked at; any other null is the default of the object."""


def check(tree: Tree) -> Tree:
    """The recipe's tree with every component's options in that component's types. Raises ValueError in one line."""
    tree = _walk(tree, Recipe, "")
    if tree.get("modality") not in modality.names():
        raise nearest.unknown("modality", tree.get("modality"), modality.names())
    for group in GROUPS:
        where, known = f"{group}.", _options(tree, group)
        open_ = {k for k, v in tree[group].items() if v is None and where + k in MEASURED and k in known}
        given = {k: v for k, v in tree[group].items() if v is not None or k not in known or _takes_none(known[k])}
        tree[group] = _typed(where, known, given, f"{tree['modality']} {group}") | dict.fromkeys(open_)
    shape = tree["autoencoder"]["network"]
    tree["autoencoder"]["network"] = _typed("autoencoder.network.", _SHAPE, shape, "an autoencoder")
    return tree


def option_keys(tree: Tree) -> list[str]:
    """Dotted keys of the options that the components named in `tree` take; of unknown names, none."""
    found: list[str] = []
    for prefix, package, node in _nodes(tree, Recipe, ""):
        if node.get("name") in discover.names(package):
            found += [prefix + name for name in discover.options_of(discover.resolve(package, node["name"]))]
    if tree.get("modality") in modality.names():
        found += [f"{group}.{name}" for group in GROUPS for name in _options(tree, group)]
    return [*found, *(f"autoencoder.network.{name}" for name in _SHAPE)]


def _walk(tree: Tree, kind: type, prefix: str) -> Tree:
    result = dict(tree)
    for field, hint in fields(kind):
        value = tree.get(field.name)
        if dataclasses.is_dataclass(hint):
            result[field.name] = _walk(value or {}, typing.cast(type, hint), f"{prefix}{field.name}.")
        elif left_open(value, hint):
            result[field.name] = None
        elif "package" in field.metadata:
            chosen = dict(value or {})
            name = chosen.pop("name", None)
            typed = _component(f"{prefix}{field.name}", field.metadata["package"], name, chosen, ())
            result[field.name] = {"name": name, **typed}
        elif "components" in field.metadata:
            named = (value or {}).items()
            result[field.name] = {n: _one_of(f"{prefix}{field.name}.{n}", field.metadata, node) for n, node in named}
        elif "options_of" in field.metadata:
            own = tuple(f.name for f, _ in fields(kind))
            package = field.metadata["options_of"]
            result[field.name] = _component(prefix[:-1], package, tree.get("name"), value or {}, own)
    return result


def _one_of(where: str, metadata: Mapping[str, Any], node: Options) -> Options:
    """One of several named components, at the key `where`."""
    options, package = dict(node), metadata["components"]
    kind = options.pop("name", None)
    if kind is not None and kind not in discover.names(package):
        raise nearest.unknown(discover.kind_of(package), kind, discover.names(package))
    return {"name": kind, **_component(where, package, kind, options, ())}


def _component(where: str, package: str, name: str | None, given: Options, own: tuple[str, ...]) -> Options:
    """Options of the component at the key `where`; `own` are keys beside them that the schema itself knows."""
    known = discover.names(package)
    if name is None:
        raise ValueError(f"{where} needs a name: {where}=NAME, one of {', '.join(known)}")
    if name not in known:
        raise nearest.unknown(where.rpartition(".")[2], name, known)
    takes = {n: p for n, p in discover.options_of(discover.resolve(package, name)).items() if n not in own}
    for option in given:
        owners = [n for n in known if option in discover.options_of(discover.resolve(package, n))]
        if option not in takes and owners:
            have = f"{', '.join(owners)} {'has' if len(owners) == 1 else 'have'}"
            raise ValueError(f"unknown key {where}.{option}: {name} has no such option, {have}")
    typed = _typed(f"{where}.", {n: p.annotation for n, p in takes.items()}, given, name, own)
    missing = [n for n, p in takes.items() if p.default is p.empty and n not in typed]
    if missing:
        raise ValueError(f"{where}.{missing[0]} is missing: {name} has no default for it")
    return typed


def _typed(where: str, known: Mapping[str, Any], given: Options, owner: str, also: Sequence[str] = ()) -> Options:
    """`given` in the types `known`. Raises ValueError for a name or a type that the owner does not take.

    `also` are keys of the same group that are not the owner's: a misspelt one ends up among its options.
    """
    result: Options = {}
    for name, value in given.items():
        if name not in known:
            guess = nearest.hint(where + name, [where + k for k in (*known, *also)])
            takes = f"; {owner} takes {', '.join(known)}" if known else f"; {owner} takes no options"
            raise ValueError(f"unknown key {where}{name}{guess or takes}")
        try:
            result[name] = signature.convert(value, known[name])
        except TypeError:
            shown = "null" if value is None else repr(value)
            raise ValueError(f"{where}{name} must be {signature.words(known[name])}, got {shown}") from None
    return result


def _takes_none(hint: Any) -> bool:
    try:
        return signature.convert(None, hint) is None
    except TypeError:
        return False


def _options(tree: Tree, group: str) -> dict[str, Any]:
    """Option -> type of the modality's `media` or `network`; which network it is may depend on the media options."""
    factory = importlib.import_module(f"modalities.{tree['modality']}.modality").modality
    media = {n: p.annotation for n, p in discover.options_of(factory).items()}
    if group == "media":
        return media
    chosen = {k: v for k, v in tree.get("media", {}).items() if k in media and v is not None}
    return _network_options(tree["modality"], tuple(chosen.items()))


@functools.cache
def _network_options(name: str, media: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Read from the smallest network of the modality: to build one is the one way, in every modality, to its class."""
    try:
        loaded = modality.load(name, **dict(media))
    except ValueError as error:
        raise ValueError(f"media: {error}") from None
    with torch.random.fork_rng(devices=[]):  # not on the meta device: its initialisers import for seconds
        network = loaded.network(width=8, multipliers=[1], blocks=1, attention=False)
    return {n: p.annotation for n, p in discover.options_of(typing.cast(Any, type(network)).Options).items()}


def rehearse(tree: Tree) -> None:
    """Make the small components and run the sampler on one number, so that a value that they refuse is known now and
    not after an hour of training. Raises their ValueError."""
    built = {
        prefix: _build(package, node) for prefix, package, node in _nodes(tree, Recipe, "") if "options" not in node
    }
    schedule, grid = built["denoiser.schedule."], built["sampler.grid."]
    _build("core.losses", {"name": tree["loss"]["name"]} | tree["loss"]["options"])
    sampler = build.sampler(Sampler(**tree["sampler"]))
    times = grid(schedule, tree["sampler"]["steps"])
    noise = torch.zeros(1, 1, dtype=torch.float64)
    if tree["conditions"]:
        media = modality.load(tree["modality"], **{k: v for k, v in tree["media"].items() if v is not None})
        condition.build(tree["conditions"], media)
    plan = Guidance(**tree["guidance"])
    guidance.check(plan)
    models = {role: lambda x, t: 0 * x for role in ("conditional", "unconditional", "weaker")}
    denoise = guidance.compose(plan, models | {"schedule": schedule, "times": times})
    last(sampler(denoise, schedule, noise, times, randn_like=torch.zeros_like))
    if tree["stage"] == "autoencoder":
        _rehearse_autoencoder(tree, built)


def _rehearse_autoencoder(tree: Tree, built: Mapping[str, Any]) -> None:
    """Whether the media can be shrunk so and the losses take them; a discriminator that does not fit its options."""
    part = tree["autoencoder"]
    media = modality.load(tree["modality"], **{k: v for k, v in tree["media"].items() if v is not None})
    AutoencoderShape(**part["network"]).latent_size(media.event_shape)
    x0 = torch.zeros(1, *media.event_shape)
    for key in ("reconstruction", "perceptual"):
        built[f"autoencoder.{key}."](x0, x0)
    if part["adversarial"]["weight"] > 0:
        build.discriminator(part["adversarial"]["discriminator"], media.event_shape, classes=0)


def _build(package: str, node: Options) -> Any:
    return discover.build(package, node["name"], {k: v for k, v in node.items() if k != "name"})


def _nodes(tree: Tree, kind: type, prefix: str) -> Iterator[tuple[str, str, Options]]:
    """(dotted prefix, package, node) of every component in the tree; a node with `options` is the whole part."""
    for field, hint in fields(kind):
        value = tree.get(field.name)
        if "options_of" in field.metadata:
            yield prefix, field.metadata["options_of"], tree
        elif "package" in field.metadata and isinstance(value, dict):
            yield f"{prefix}{field.name}.", field.metadata["package"], value
        elif "components" in field.metadata and isinstance(value, dict):
            package = field.metadata["components"]
            yield from ((f"{prefix}{field.name}.{name}.", package, node) for name, node in value.items() if node)
        elif dataclasses.is_dataclass(hint) and isinstance(value, dict):
            yield from _nodes(value, typing.cast(type, hint), f"{prefix}{field.name}.")
