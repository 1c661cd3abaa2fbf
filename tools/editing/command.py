"""The command line of editing: its own keys, the options of the task, and whatever sampling takes."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import discover
from tools import nearest, signature
from tools import recipe as recipes
from tools.command_line import SHORT, arguments
from tools.schema import Options

TASKS = "tools.editing.tasks"
OWN: dict[str, Any] = {"task": str, "input": str, "degrade": bool, "noise": float, "start": float}
TEXT = (str, str | None)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is to be done. `words` are those that sampling reads; `options` those of the task."""

    task: str
    input: str
    degrade: bool = False
    noise: float | None = None
    start: float = 0.0
    solver: Options | None = None
    options: Mapping[str, Any]
    words: Sequence[str]

    def made(self) -> Any:
        """The task with its options. Raises ValueError where one is missing or out of range."""
        return discover.build(TASKS, module(self.task), self.options)


def tasks() -> list[str]:
    return [name.rstrip("_") for name in discover.names(TASKS)]


def module(task: str) -> str:
    """The file of a task: one whose name is a word of the language ends in an underscore."""
    return task if task in discover.names(TASKS) else f"{task}_"


def command(argv: Sequence[str]) -> Command:
    """Raises ValueError in one line for a task, a solver or a key that does not exist, and for a wrong value."""
    said = {word.partition("=")[0]: word.partition("=")[2] for word in argv if "=" in word}
    if not said.get("task"):
        raise ValueError(f"say what to do: task=NAME, one of {', '.join(tasks())}")
    if said["task"] not in tasks():
        raise nearest.unknown("task", said["task"], tasks())
    takes = options_of(said["task"])
    if not said.get("input"):
        raise ValueError("say which file to edit: input=FILE")
    own: dict[str, Any] = {}
    options: dict[str, Any] = {}
    solver, words = [], []
    for word in argv:
        key, equals, text = word.partition("=")
        if equals and key in OWN:
            own[key] = value(key, text, OWN[key])
        elif equals and key in takes:
            options[key] = value(key, text, takes[key])
        elif equals and (key == "solver" or key.startswith("solver.")):
            solver.append(word)
        elif equals and key.partition(".")[0] not in known_to_sampling():
            raise unknown(key, said["task"], takes)
        else:
            words.append(word)
    return Command(**own, solver=solver_of(solver), options=options, words=words)


def options_of(task: str) -> dict[str, Any]:
    """Option -> type of a task."""
    made = discover.resolve(TASKS, module(task))
    return {n: p.annotation for n, p in discover.options_of(made).items()}


def settings(task: str) -> tuple[str, ...]:
    """What the task sets of the sampler where the command line says nothing."""
    return tuple(getattr(discover.resolve(TASKS, module(task)), "SETTINGS", ()))


def value(key: str, text: str, hint: Any) -> Any:
    """The text in the type of `hint`; ValueError where it is not of it."""
    if hint in TEXT:
        return None if text == "null" and hint is not str else text
    given = arguments([f"task.{key}={text}"])["task"][key]  # not as a recipe's key of the same name would be read
    try:
        return signature.convert(given, hint)
    except TypeError:
        raise ValueError(f"{key} must be {signature.words(hint)}, got {text!r}") from None


def solver_of(words: Sequence[str]) -> Options | None:
    """`solver=dps solver.scale=0.5` as name and options, which are checked against the solver itself."""
    if not words:
        return None
    node = arguments(words)["solver"]
    node = {"name": node} if isinstance(node, str) else node
    known = discover.names("core.posterior")
    if "name" in node and node["name"] not in known:
        raise nearest.unknown("solver", node["name"], known)
    if "name" in node:
        takes = discover.options_of(discover.resolve("core.posterior", node["name"]))
        for key in node:
            if key != "name" and key not in takes:
                may = f"it takes {', '.join(takes)}" if takes else "it takes no options"
                raise ValueError(f"unknown key solver.{key} of {node['name']}{nearest.hint(key, takes) or f'; {may}'}")
    return dict(node)


def known_to_sampling() -> set[str]:
    """First parts of the keys that `recipe.overlay` has something to say about."""
    from tools.layers import keys

    return {*SHORT, *(key.partition(".")[0] for key in keys())}


def unknown(key: str, task: str, takes: Mapping[str, Any]) -> ValueError:
    """The error for a key that neither this task nor sampling has."""
    owners = [t for t in tasks() if key in options_of(t)]
    if owners:
        have = f"{', '.join(owners)} {'has' if len(owners) == 1 else 'have'}"
        return ValueError(f"unknown key {key}: task={task} has no such option, {have}")
    guess = nearest.hint(key, [*takes, *OWN, "solver", *SHORT, *recipes.SAMPLING])
    mine = f"; task={task} takes {', '.join(takes)}" if takes else f"; task={task} takes no options"
    return ValueError(f"unknown key {key}{guess or mine}")


def described() -> str:
    """Every task with the first line of its file and its options, for `--help`."""
    lines = []
    for task in tasks():
        made = discover.resolve(TASKS, module(task))
        first = (inspect.getmodule(made).__doc__ or "").splitlines()[0]
        lines += [f"    {task} " + " ".join(f"[{n}=]" for n in options_of(task)), f"        {first}"]
    return "\n".join(lines)
