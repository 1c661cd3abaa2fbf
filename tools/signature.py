"""Types of a component's options: whether a value from a file is of a type, and what the type allows in words."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any, Union

_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a word", types.NoneType: "null"}
_MANY = {int: "integers", float: "numbers", bool: "true and false", str: "words"}


def convert(value: Any, hint: Any) -> Any:
    """`value` in the type of `hint`; lists stay lists, as files hold them. Raises TypeError where it is not of it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:  # a component in a component: its name, or a group of its name and options
        return _first(value, (str, dict))
    if origin in (Union, types.UnionType):
        return _first(value, arguments)
    if origin is typing.Literal:
        if value not in arguments:
            raise TypeError
        return value
    if _many(origin):
        return _list(value, origin, arguments)
    return _plain(value, dict if origin is dict else hint)


def words(hint: Any) -> str:
    """What a type allows, for a message: «an integer or null»."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(words(a) for a in arguments)
    if origin is Annotated:
        return "a name"
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if _many(origin):
        return f"a list of {_MANY.get(arguments[0], 'values')}"
    return _WORDS.get(hint, "a group of keys" if origin is dict or dataclasses.is_dataclass(hint) else "a value")


def _many(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _plain(value: Any, hint: Any) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if hint is str and type(value) in (int, float):
        return str(value)
    if hint is None:
        hint = types.NoneType
    if not isinstance(hint, type) or type(value) is not hint:  # `type`, not isinstance: true is no integer here
        raise TypeError
    return value


def _first(value: Any, hints: tuple[Any, ...]) -> Any:
    """The value in the first of several types that takes it; the type that it already has goes first."""
    for hint in sorted(hints, key=lambda h: type(value) is not h):
        try:
            return convert(value, hint)
        except TypeError:
            continue
    raise TypeError


def _list(value: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, list | tuple):
        raise TypeError
    if origin is tuple and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            raise TypeError
        return [convert(v, a) for v, a in zip(value, arguments, strict=True)]
    return [convert(v, arguments[0]) for v in value]
