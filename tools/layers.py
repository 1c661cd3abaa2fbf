"""Layers of a recipe as plain trees: brought to one shape, checked against the schema, and laid over one another.

A layer may say `sampler: heun` for `sampler: {name: heun}` and keeps a component's options beside its name; in the
shape that everything else works with, options of `Sampler` and `Optimizer` stand under `options`.
"""

import dataclasses
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from tools import nearest, signature
from tools.schema import Options, Recipe

Tree = dict[str, Any]

WHERE = "; `trifuse recipes defaults` and `trifuse recipes MODALITY` show all keys"


def fields(kind: type) -> Iterator[tuple[dataclasses.Field, Any]]:
    """Fields of a schema class with their type hints."""
    hints = typing.get_type_hints(kind)
    return ((f, hints[f.name]) for f in dataclasses.fields(kind))


def is_node(hint: Any) -> bool:
    """Whether a key of this type holds a group of options."""
    return hint in (Options, Options | None)


def left_open(value: Any, hint: Any) -> bool:
    """Whether `value` leaves a group of options, which may be left open, to be chosen when a training begins."""
    return value is None and hint == Options | None


def keys(kind: type = Recipe, prefix: str = "") -> Iterator[str]:
    """Every dotted key and group of the schema; the options of components are not among them."""
    for field, hint in fields(kind):
        if "options_of" not in field.metadata:
            yield prefix + field.name
        if dataclasses.is_dataclass(hint):
            yield from keys(typing.cast(type, hint), f"{prefix}{field.name}.")
        elif "package" in field.metadata:
            yield f"{prefix}{field.name}.name"


def type_at(key: str) -> Any:
    """Type hint at a dotted key, or None where the schema has no such leaf."""
    kind: Any = Recipe
    for part in key.split("."):
        if not dataclasses.is_dataclass(kind):
            return None
        kind = typing.get_type_hints(kind).get(part)
    return kind


def checked(tree: Any, kind: type = Recipe, prefix: str = "", also: Sequence[str] = ()) -> Tree:
    """`tree` in the common shape and in the schema's types. `also` are further keys, for the nearest name.

    Raises ValueError for an unknown key and for a wrong type, in one line.
    """
    if not isinstance(tree, dict):
        raise _wrong(prefix.rstrip(".") or "a recipe", "a group of keys", tree)
    known = {f.name: (f, hint) for f, hint in fields(kind)}
    owner = known.pop("options", None)
    result: Tree = {}
    for name, value in tree.items():
        if name in known:
            result[name] = _value(value, *known[name], prefix, also)
        elif owner is None:
            guess = nearest.hint(f"{prefix}{name}", [*keys(), *also])
            raise ValueError(f"unknown key {prefix}{name}{guess or WHERE}")
        elif name == "options":
            result.setdefault("options", {}).update(value or {})
        else:
            result.setdefault("options", {})[str(name)] = value
    return result


def merged(base: Tree, layer: Tree, kind: type = Recipe) -> Tree:
    """`layer` over `base`. Another name of a component drops the options that belonged to the earlier one, and a limit
    of training on a later layer (`train.steps` or `train.minutes`) replaces the earlier layers' limits."""
    result = dict(base)
    for field, hint in fields(kind):
        if field.name not in layer:
            continue
        new, old = layer[field.name], base.get(field.name)
        if dataclasses.is_dataclass(hint):
            old = old or {}
            if "name" in new and new["name"] != old.get("name"):
                old = {k: v for k, v in old.items() if k != "options"}
            new = merged(old, new, typing.cast(type, hint))
        elif "components" in field.metadata:
            new = _named(old or {}, new)
        elif is_node(hint) and not left_open(new, hint):
            same = "package" not in field.metadata or new.get("name", (old or {}).get("name")) == (old or {}).get(
                "name"
            )
            new = {**old, **new} if old and same else new
        result[field.name] = new
    limits = ("steps", "minutes")
    if kind is Recipe and any(layer.get("train", {}).get(k) for k in limits):
        result["train"] |= {k: layer["train"].get(k) for k in limits}
    return result


def _named(base: Tree, layer: Tree) -> Tree:
    """Named components over those of an earlier layer: another kind drops the options, null the component."""
    result = dict(base)
    for name, new in layer.items():
        old = base.get(name) or {}
        if new is None:
            result.pop(name, None)
        elif new.get("name", old.get("name")) == old.get("name"):
            result[name] = {**old, **new}
        else:
            result[name] = new
    return result


def flat(tree: Tree, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value; options stand beside the name, as in files."""
    result: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            result |= flat(value, prefix if key == "options" else f"{prefix}{key}.")
        else:
            result[prefix + key] = value
    return result


def written(tree: Tree) -> Tree:
    """The shape of files: a component's options beside its name."""
    result = {k: written(v) if isinstance(v, dict) else v for k, v in tree.items() if k != "options"}
    return result | tree.get("options", {})


def _value(value: Any, field: dataclasses.Field, hint: Any, prefix: str, also: Sequence[str]) -> Any:
    key = prefix + field.name
    names_an_object = "package" in field.metadata or (
        dataclasses.is_dataclass(hint) and any("options_of" in f.metadata for f in dataclasses.fields(hint))
    )
    if names_an_object and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        value = {"name": str(value)}
    if dataclasses.is_dataclass(hint):
        return checked(value, typing.cast(type, hint), f"{key}.", also)
    if "components" in field.metadata:
        return _several(key, value)
    if is_node(hint) and not left_open(value, hint):
        if not isinstance(value, dict):
            raise _wrong(key, "a name" if names_an_object else "a group of keys", value)
        if not isinstance(value.get("name", ""), str):
            raise _wrong(f"{key}.name", "a name", value["name"])
        return {str(k): v for k, v in value.items()}
    try:
        return signature.convert(value, hint)
    except TypeError:
        raise _wrong(key, signature.words(hint), value) from None


def _several(key: str, value: Any) -> Tree:
    """Named components, each in the shape `{"name": ..., **options}`; null takes one of an earlier layer away."""
    if not isinstance(value, dict):
        raise _wrong(key, "a group of keys", value)
    result: Tree = {}
    for name, node in value.items():
        node = {"name": node} if isinstance(node, str) else node
        if node is not None and (not isinstance(node, dict) or not isinstance(node.get("name", ""), str)):
            raise _wrong(f"{key}.{name}", "a name or a group of keys", value[name])
        result[str(name)] = node if node is None else {str(k): v for k, v in node.items()}
    return result


def _wrong(key: str, allowed: str, value: Any) -> ValueError:
    return ValueError(f"{key} must be {allowed}, got {'null' if value is None else repr(value)}")
