"""Checks of the networks' options: each raises ValueError in one line with what was given and what is allowed."""

from collections.abc import Sequence
from typing import Any

from core.discover import nearest


def per_level(name: str, value: int | Sequence[int], levels: int, least: int = 0) -> tuple[int, ...]:
    """One number per level, each at least `least`: a single one is repeated, a list must have `levels` entries."""
    numbers = (value,) * levels if isinstance(value, int) else tuple(value)
    if len(numbers) != levels:
        raise ValueError(f"{name}={list(numbers)} has {len(numbers)} entries, but there are {levels} levels")
    for number in numbers:
        at_least(name, number, least)
    return numbers


def at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise ValueError(f"{name}={value} must be at least {least}")
    return value


def odd(name: str, value: int) -> int:
    """A kernel: odd, so that it has a middle."""
    if value < 1 or value % 2 == 0:
        raise ValueError(f"{name}={value} must be odd and at least 1")
    return value


def one_of(name: str, value: str, known: dict[str, Any]) -> Any:
    if value not in known:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(sorted(known))}{nearest(value, known)}")
    return known[value]
