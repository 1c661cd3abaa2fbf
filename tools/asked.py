"""What a user asks of a model beside a class: the words of the command line, sample by sample, and rows made of them.

    prompt="a red circle"   prompts=FILE   negative_prompt="blurred"   reference=FILE   condition.pitch=440

A condition that is not asked for is absent. Where nothing at all is asked, the samples of a model with conditions take
turns with what some examples of its data are conditioned on (`data.examples`).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modalities.condition import Condition
from tools import guidance, nearest
from tools.references.words import turns as words_of_files
from tools.schema import Recipe, Sample

LONGEST = 40
"""Letters of a text in the name of a folder."""

Words = Mapping[str, Any]
"""What is asked by the name of the condition, in a user's words."""


def turns(recipe: Recipe, kinds: Mapping[str, Condition]) -> list[Words]:
    """What the samples take turns with: one entry where all are asked for the same, none where nothing is asked.

    Raises ValueError in one line for a condition that the model does not have, or a value that it does not take.
    """
    said: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for name, value in recipe.sample.condition.items():
        if name not in kinds:
            raise ValueError(f"condition.{name}={value}: {_has(kinds)}{nearest.hint(name, kinds)}")
        said[name], keys[name] = value, f"condition.{name}"
    for word in ("prompt", "reference"):
        if (value := getattr(recipe.sample, word)) is not None:
            name = by_word(word, value, kinds)
            said[name], keys[name] = value, word
    each: list[Words] = [said] if said else []
    if recipe.sample.prompts is not None:
        if recipe.sample.prompt is not None:
            raise ValueError("prompt and prompts: say one of them")
        name = by_word("prompt", recipe.sample.prompts, kinds, key="prompts")
        each, keys[name] = [{**said, name: prompt} for prompt in lines(recipe.sample.prompts)], "prompts"
    each = [one for words in each for one in words_of_files(words, keys, kinds, recipe)]
    for words in each[: recipe.sample.n]:
        check(words, keys, kinds)
    if not each and recipe.sample.label is None:
        return [dict(example) for example in recipe.data.examples]
    return each


def check(words: Words, keys: Mapping[str, str], kinds: Mapping[str, Condition]) -> None:
    """Raise ValueError, with the key that said it in front, for words that make no row."""
    for name, value in words.items():
        try:
            kinds[name].given(value)
        except ValueError as error:
            raise ValueError(f"{keys[name]}={value}: {error}") from None


def by_word(word: str, value: str, kinds: Mapping[str, Condition], *, key: str = "") -> str:
    """The one condition that `prompt=` or `reference=` fills."""
    fits = [name for name, kind in kinds.items() if kind.word == word]
    if len(fits) == 1:
        return fits[0]
    key = key or word
    if fits:
        raise ValueError(f"{key}={value}: say which one, {' or '.join(f'condition.{n}=' for n in fits)}")
    lacks = {"prompt": "text", "reference": "a reference"}[word]
    raise ValueError(f"{key}={value}: this model was trained without {lacks}; {_has(kinds)}")


def lines(path: str) -> list[str]:
    """The prompts in a file, one per line; empty lines are passed over. Raises ValueError where there are none."""
    try:
        found = [line.strip() for line in Path(path).expanduser().read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValueError(f"prompts={path}: {reason}") from None
    if not any(found):
        raise ValueError(f"prompts={path}: it holds no prompt")
    return [line for line in found if line]


def negative(recipe: Recipe, kinds: Mapping[str, Condition]) -> Words:
    """What guidance moves away from. Raises ValueError where there is no guidance that could, or no text."""
    prompt = recipe.sample.negative_prompt
    if prompt is None:
        return {}
    name, plan = by_word("prompt", prompt, kinds, key="negative_prompt"), recipe.guidance
    if "unconditional" not in guidance.takes(plan.name):
        raise ValueError(f"negative_prompt={prompt}: of no use to guidance={plan.name}")
    if plan.scale == 1 and plan.name != "cfg_plus_plus":
        raise ValueError(f"negative_prompt={prompt}: guidance.scale=1 is off; say more, such as guidance.scale=3")
    check({name: prompt}, {name: "negative_prompt"}, kinds)
    return {name: prompt}


def rows(each: Sequence[Words], kinds: Mapping[str, Condition], device: torch.device) -> dict[str, Tensor]:
    """The rows of some samples, one per entry; a condition that none of them asks for is left out."""
    result = {}
    for name, kind in kinds.items():
        if not any(name in words for words in each):
            continue
        made = {words[name]: kind.given(words[name]) for words in each if name in words}
        shape = next(iter(made.values())).shape
        row = [made[words[name]] if name in words else kind.empty().expand(shape) for words in each]
        result[name] = torch.cat(row).to(device)
    return result


def _has(kinds: Mapping[str, Condition]) -> str:
    return f"it has {', '.join(kinds)}" if kinds else "it has no conditions"


def words_of(asked: Words) -> str:
    """What is asked, for a caption: text as it is, other values after their names."""
    return ", ".join(v if isinstance(v, str) and " " in v else f"{k} {v}" for k, v in asked.items())


def short(sample: Sample) -> list[str]:
    """What the command line asks for, as words of a folder's name; a long text is told apart by a digest of it."""
    said = {"prompt": sample.prompt, "prompts": sample.prompts, "not": sample.negative_prompt}
    said |= {"reference": sample.reference, **sample.condition}
    found = []
    for key, value in said.items():
        if value is not None:
            word = re.sub(r"\W+", "_", Path(str(value)).stem if key in ("prompts", "reference") else str(value))
            digest = hashlib.blake2b(str(value).encode(), digest_size=3).hexdigest()
            found.append(f"{key}_{word}" if len(word) <= LONGEST else f"{key}_{word[:LONGEST]}_{digest}")
    return found
