"""`key=value` words as a tree: what the command line says, before anything knows whether it makes sense."""

from collections.abc import Sequence
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tools import nearest
from tools.layers import Tree, keys, type_at

SHORT = (
    *("n", "label", "batch", "out", "weights"),
    *("prompt", "prompts", "negative_prompt", "reference", "frames", "seconds", "overlap"),
)
"""Keys of `sample.` that sampling also takes without the prefix."""


def arguments(argv: Sequence[str], *, short: bool = False) -> Tree:
    """`key=value` words as a tree. Values are YAML (`[1,2]`, `1e-4`, `null`), or raw text where the key is a text."""
    tree: Tree = {}
    for word in argv:
        key, equals, text = word.partition("=")
        if not equals or not key or not all(key.split(".")):
            raise ValueError(f"argument {word!r} is not key=value{nearest.hint(key.lstrip('-'), keys())}")
        if key.startswith("-"):
            raise ValueError(f"argument {word!r}: arguments have no dashes, write {word.lstrip('-')}")
        if short and (key in SHORT or key.startswith("condition.")):
            key = f"sample.{key}"
        _put(tree, key.split("."), _parsed(key, text), word)
    return tree


def _put(tree: Tree, path: list[str], value: Any, word: str) -> None:
    """Set a leaf; a name said before its options (`sampler=heun sampler.s_churn=10`) becomes a node."""
    for part in path[:-1]:
        node = tree.setdefault(part, {})
        if isinstance(node, str):
            node = tree[part] = {"name": node}
        if not isinstance(node, dict):
            raise ValueError(f"argument {word!r}: {part} already has the value {node!r}")
        tree = node
    if isinstance(tree.get(path[-1]), dict) and isinstance(value, str | int | float):
        tree[path[-1]]["name"] = value
    else:
        tree[path[-1]] = value


def _parsed(key: str, text: str) -> Any:
    if key.startswith("sample.condition."):
        return text  # what it means is the condition's own matter
    hint = type_at(key)
    if hint is str or (hint == (str | None) and text != "null"):
        return text
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]), resolve=True)["value"]  # type: ignore[call-overload, index]
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ValueError(f"argument {key}={text}: {first_line(error, place=False)}") from None


def first_line(error: Exception, *, place: bool = True) -> str:
    """A YAML error spreads over lines; its problem and its place are what a user needs."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem:
        return f"{problem}, line {mark.line + 1}" if mark and place else str(problem)
    return (str(error).splitlines() or [type(error).__name__])[0]
