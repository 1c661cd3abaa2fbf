"""The options of a component, read from its own signature: names, types, and whether a value is of the type.

A component is a function whose options are its keyword-only parameters, or a dataclass whose options are its fields.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, Union

_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a word", type(None): "null"}


def options(thing: Callable[..., Any]) -> dict[str, Any]:
    """Option name -> type hint (`Any` where there is none) of a component; arguments that callers give are left out."""
    hints = typing.get_type_hints(thing.__init__ if inspect.isclass(thing) else thing)
    parameters = inspect.signature(thing).parameters.values()
    every = inspect.isclass(thing)
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {
        p.name: hints.get(p.name, Any)
        for p in parameters
        if ((every and p.kind in kinds) or p.kind is inspect.Parameter.KEYWORD_ONLY) and p.name != "randn_like"
    }


def required(thing: Callable[..., Any]) -> list[str]:
    """Names of the options that have no default."""
    known = options(thing)
    return [p.name for p in inspect.signature(thing).parameters.values() if p.name in known and p.default is p.empty]


def convert(value: Any, hint: Any) -> Any:
    """`value` as a recipe's file gives it, in the type of `hint`. Raises TypeError where it is of another type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _first(value, arguments)
    if origin is typing.Literal:
        if value not in arguments:
            raise TypeError
        return value
    if origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence":
        return _sequence(value, origin, arguments)
    if origin is dict:
        if not isinstance(value, dict):
            raise TypeError
        return value
    return _plain(value, hint)


def words(hint: Any) -> str:
    """What a type hint allows, for a message: «an integer or null»."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(words(a) for a in arguments)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if arguments and origin is not dict:
        plural = {int: "integers", float: "numbers", bool: "true and false", str: "words"}
        return f"a list of {plural.get(arguments[0], 'values')}, such as [a, b]"
    return _WORDS.get(hint, "a group of keys" if origin is dict or dataclasses.is_dataclass(hint) else "a value")


def _plain(value: Any, hint: Any) -> Any:
    if hint is float and type(value) in (int, float):
        return float(value)
    if hint is str and type(value) in (int, float):
        return str(value)
    if hint in _WORDS and type(value) is not hint:  # `type`, not isinstance: true is no integer here
        raise TypeError
    return value


def _first(value: Any, hints: tuple[Any, ...]) -> Any:
    """The value in the first of several types that takes it; one that needs no conversion goes before one that does."""
    for hint in sorted(hints, key=lambda h: type(value) is not h):
        try:
            return convert(value, hint)
        except TypeError:
            continue
    raise TypeError


def _sequence(value: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            raise TypeError
        return [convert(v, a) for v, a in zip(value, arguments, strict=True)]
    return [convert(v, arguments[0]) if arguments else v for v in value]
