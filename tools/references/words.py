"""References on the command line: a folder stands for its files, and a run knows examples of its own data."""

from collections.abc import Mapping
from typing import Any

from modalities.condition import Condition
from modalities.conditions.paired import Paired
from modalities.references import value
from tools.schema import Recipe

NONE = "none"
"""The word for no reference, from a model that was trained without one too; a file of that name is `./none`."""


def turns(
    words: Mapping[str, Any], keys: Mapping[str, str], kinds: Mapping[str, Condition], recipe: Recipe
) -> list[dict[str, Any]]:
    """`words` once for every file of the folders that they name as references, as many as samples; several in step.

    Raises ValueError in one line, with the key of `keys` in front, for a folder that is not there.
    """
    each, words = {}, dict(words)
    for name, said in list(words.items()):
        if kinds[name].word != "reference":
            continue
        if said == NONE:
            del words[name]
            continue
        try:
            each[name] = value.each(str(said), recipe.modality, recipe.sample.n)
        except ValueError as error:
            raise ValueError(f"{keys[name]}={said}: {error}") from None
    count = max((len(found) for found in each.values()), default=1)
    return [{**words, **{name: found[i % len(found)] for name, found in each.items()}} for i in range(count)]


def check(words: Mapping[str, Any], kinds: Mapping[str, Condition], recipe: Recipe) -> None:
    """Raise ValueError where a reference is not asked for that the model has always had."""
    for name, kind in kinds.items():
        sometimes_absent = recipe.loss.condition_dropout or kind.dropout or getattr(kind, "generate", 0)
        if kind.word == "reference" and name not in words and not sometimes_absent:
            raise ValueError(f"this model was never trained without {name}: give it a file, condition.{name}=FILE")


def examples(kind: Condition, path: str | None, count: int) -> list[str | None]:
    """The words for the first held-out examples of the data, for a kind that takes references; None for others."""
    if kind.word != "reference":
        return [None] * count
    where = kind.path if isinstance(kind, Paired) else path or ""
    return [f"{where}#{i}" for i in range(count)]
