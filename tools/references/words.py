"""References on the command line: a folder stands for its files, and a run knows examples of its own data."""

from collections.abc import Mapping
from typing import Any

from modalities.condition import Condition
from modalities.conditions.paired import Paired
from modalities.references import value


def turns(
    words: Mapping[str, Any], keys: Mapping[str, str], kinds: Mapping[str, Condition], modality: str, most: int
) -> list[dict[str, Any]]:
    """`words` once for every file of the folders that they name as references, at most `most`; several in step.

    Raises ValueError in one line, with the key of `keys` in front, for a folder that is not there.
    """
    each = {}
    for name, said in words.items():
        if kinds[name].word == "reference":
            try:
                each[name] = value.each(str(said), modality, most)
            except ValueError as error:
                raise ValueError(f"{keys[name]}={said}: {error}") from None
    count = max((len(found) for found in each.values()), default=1)
    return [{**words, **{name: found[i % len(found)] for name, found in each.items()}} for i in range(count)]


def examples(kind: Condition, path: str | None, count: int) -> list[str | None]:
    """The words for the first held-out examples of the data, for a kind that takes references; None for others."""
    if kind.word != "reference":
        return [None] * count
    where = kind.path if isinstance(kind, Paired) else path or ""
    return [f"{where}#{i}" for i in range(count)]
