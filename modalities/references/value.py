"""A reference in a user's words: which file, and for models that complete, what of it is known.

PATH            the file, or the first under a folder
PATH#3          the fourth, of held-out ones where a data set is divided; #3 alone: of the embedded generator
PATH@WHAT       what is known: @4 @first_last @every_4 @[0,5] @left @centre @[0.1,0.4] @mask.png, see `choose`
PATH@!WHAT      what is hidden, everything else being known
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from modalities.data.folder import walk
from modalities.data.kinds import SUFFIXES, suffix
from modalities.data.recognise import existing
from modalities.data.strings import natural


class Value(NamedTuple):
    """The parts of a reference; `path` None is the embedded generator, `index` None the first of a place."""

    path: str | None
    index: int | None = None  # type: ignore[assignment]  # a tuple's own `index` is not used here
    what: str = ""
    """`@WHAT` or `@!WHAT` as it was written."""

    @property
    def known(self) -> Any:
        """A number, a list of numbers or a word; None where nothing is said."""
        return _plain(self.what[1:]) if self.what and not self.hides else None

    @property
    def hidden(self) -> Any:
        """The same of what is hidden."""
        return _plain(self.what[2:]) if self.hides else None

    @property
    def hides(self) -> bool:
        return self.what.startswith("@!")


def parse(text: str) -> Value:
    """The parts of `text`; a file of that very name counts first. Raises ValueError where it names no file."""
    if text and Path(text).expanduser().exists():
        return Value(text)
    found = re.fullmatch(r"(.*?)(?:#(\d+))?(@!?[\w\[\].,/ -]+)?", text)
    path, number, what = (found[1], found[2], found[3] or "") if found else (text, None, "")
    if not path and number is None:
        raise ValueError("a reference is a file: PATH, PATH#NUMBER, PATH@WHAT_IS_KNOWN")
    return Value(path or None, None if number is None else int(number), what)


def each(text: str, kind: str, most: int) -> list[str]:
    """`text` for every file of `kind` under the folder that it names, at most `most`; itself where that is a file.

    A folder that holds no such files by themselves is a data set (shards, idx files): its examples by number.
    """
    value = parse(text)
    if value.path is None or value.index is not None or not existing(value.path).is_dir():
        return [text]
    root = Path(value.path).expanduser()
    allowed = SUFFIXES[kind] | (SUFFIXES["image"] if kind == "video" else frozenset())
    names = sorted((name for name in walk(str(root)) if suffix(name) in allowed), key=natural)
    if names:
        return [f"{root / name}{value.what}" for name in names[:most]]
    return [f"{value.path}#{i}{value.what}" for i in range(most)]


def _plain(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | list) else text
