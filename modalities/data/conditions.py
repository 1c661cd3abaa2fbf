"""Labels, captions and further values as data sets write them: a record of metadata under more or less usual keys."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modalities.data.example import Value
from modalities.data.strings import natural

LABEL = ("label", "labels", "class", "cls")
CAPTION = ("caption", "text", "txt", "prompt")


def pick(names: Iterable[str], wanted: Sequence[str]) -> str:
    """The first of `wanted` among `names`, or an empty string."""
    present = set(names)
    return next((name for name in wanted if name in present), "")


def caption_of(record: Mapping[str, Any]) -> str:
    """The caption in a record of metadata, in one line."""
    value = record.get(pick(record, CAPTION))
    return " ".join(value.split()) if isinstance(value, str) else ""


def values_of(record: Mapping[str, Any]) -> dict[str, Value]:
    """The numbers and words in a record of metadata by their names; true and false are 1 and 0, and text that is a
    number, as in a CSV table, is one. Lists, groups and nothing at all are left out."""
    found = {name: plain(value) for name, value in record.items()}
    return {str(name): value for name, value in found.items() if value is not None}


def plain(value: Any) -> Value | None:
    """A number or a word; None for anything else, for an empty text and for a number that is not finite."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            return text or None
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    return None


def class_names(values: Iterable[Any], names: Sequence[str] = ()) -> tuple[str, ...]:
    """The classes of all labels of a data set, None being «no label».

    `names` where the data gives them; 0 … max for integers; otherwise the values themselves, in natural order.
    """
    if names:
        return tuple(names)
    present = {value for value in values if value is not None and value != -1}
    if present and all(isinstance(value, int) and value >= 0 for value in present):
        largest = max(present)
        if largest < 2 * len(present) + 1000:  # otherwise they are identifiers, of which most do not occur
            return tuple(str(i) for i in range(largest + 1))
    return tuple(sorted({str(value) for value in present}, key=natural))


def class_numbers(values: Iterable[Any], classes: Sequence[str], where: object) -> "array[int]":
    """Each label's place among `classes`, -1 for none. Raises ValueError for a number beyond them."""
    place = {name: i for i, name in enumerate(classes)}
    numbers = array("i")
    for value in values:
        if value is None or value == -1:
            numbers.append(-1)
        elif str(value) in place:
            numbers.append(place[str(value)])
        elif isinstance(value, int) and 0 <= value < len(classes):
            numbers.append(value)
        else:
            raise ValueError(f"{where} has the label {value!r}, beyond its {len(classes)} classes")
    return numbers
