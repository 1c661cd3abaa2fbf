"""Labels and captions as data sets write them: numbers or names of classes, under one of the usual keys."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
