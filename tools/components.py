"""What stands in a recipe about components, checked against the components themselves.

A schedule, a sampler, a modality or a network states its options in its own signature; nothing is listed here.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator
from typing import Any

from core import discover
from tools import nearest, signature
from tools.layers import Tree, fields
from tools.schema import Options, Recipe


def check(tree: Tree) -> Tree:
    """The recipe's tree with every component's options in that component's types. Raises ValueError in one line."""
    return _walk(tree, Recipe, "")


def option_keys(tree: Tree) -> tuple[str, ...]:
    """Dotted keys of the options that the components named in `tree` take; of unknown names, none."""
    found: list[str] = []
    for prefix, package, node in _nodes(tree, Recipe, ""):
        if node.get("name") in discover.names(package):
            found += [prefix + name for name in signature.options(discover.resolve(package, node["name"]))]
    for group in ("media", "network"):  # the modality's file states them all
        found += [f"{group}.{name}" for name in tree.get(group, {})]
    return tuple(found)


def options(where: str, thing: Callable[..., Any], given: Options, owner: str) -> Options:
    """`given` in the types of `thing`'s keyword options. Raises ValueError for what it does not take."""
    known = signature.options(thing)
    result: Options = {}
    for name, value in given.items():
        if name not in known:
            guess = nearest.hint(where + name, [where + k for k in known])
            takes = f"; {owner} takes {', '.join(known)}" if known else f"; {owner} takes no options"
            raise ValueError(f"unknown key {where}{name}{guess or takes}")
        try:
            result[name] = signature.convert(value, known[name])
        except TypeError:
            shown = "null" if value is None else repr(value)
            raise ValueError(f"{where}{name} must be {signature.words(known[name])}, got {shown}") from None
    return result


def _walk(tree: Tree, kind: type, prefix: str) -> Tree:
    result = dict(tree)
    for field, hint in fields(kind):
        value = tree.get(field.name)
        if dataclasses.is_dataclass(hint) and value is not None:
            result[field.name] = _walk(value, typing.cast(type, hint), f"{prefix}{field.name}.")
        elif "package" in field.metadata and value is not None:
            chosen = dict(value)
            name = chosen.pop("name", None)
            where = f"{prefix}{field.name}"
            result[field.name] = {"name": name, **_component(where, field.metadata["package"], name, chosen)}
        elif "options_of" in field.metadata:
            own = {f.name for f, _ in fields(kind)}
            given = _component(prefix[:-1], field.metadata["options_of"], tree.get("name"), value or {}, own)
            result[field.name] = given
    return result


def _component(
    where: str, package: str, name: str | None, given: Options, own: frozenset | set = frozenset()
) -> Options:
    if name is None:
        raise ValueError(f"{where} needs a name: {where}=NAME, one of {', '.join(discover.names(package))}")
    if name not in discover.names(package):
        raise nearest.unknown(where.rpartition(".")[2], name, discover.names(package))
    thing = discover.resolve(package, name)
    return options(f"{where}.", thing, given, name)


def _nodes(tree: Tree, kind: type, prefix: str) -> Iterator[tuple[str, str, Options]]:
    for field, hint in fields(kind):
        value = tree.get(field.name)
        if "options_of" in field.metadata:
            yield prefix, field.metadata["options_of"], tree
        elif "package" in field.metadata and isinstance(value, dict):
            yield f"{prefix}{field.name}.", field.metadata["package"], value
        elif dataclasses.is_dataclass(hint) and isinstance(value, dict):
            yield from _nodes(value, typing.cast(type, hint), f"{prefix}{field.name}.")
