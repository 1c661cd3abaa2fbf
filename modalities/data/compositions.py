"""What the captioned embedded generators share: their name in recipes, and the choice among words.

`media.embedded=simple` is one object per example, with its class as the label; `media.embedded=composed` is several
attributes per example, with a caption that says them and no label. Some combinations of attributes never occur in the
splits train and val, and in each example of the split test: whether a model has learned the words or the examples by
heart shows there.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

EMBEDDED = ("simple", "composed")
UNSAID = 0.25
"""Share of the captions that leave an optional word out; the attribute is then as free as the word is absent."""


def check_embedded(name: str) -> None:
    """Raises ValueError for the name of an embedded generator that does not exist."""
    if name not in EMBEDDED:
        raise ValueError(f"unknown embedded={name!r}; choose one of {', '.join(EMBEDDED)}")


def pick(among: Sequence[T], u: float) -> T:
    """One of `among` by a number in [0, 1)."""
    return among[int(u * len(among))]


def between(low: float, high: float, u: float) -> float:
    return low + (high - low) * u


def not_of_the_grammar(caption: str, example: str) -> ValueError:
    """The error for a caption that the generator's rules cannot read."""
    return ValueError(f"{caption!r} is no caption of the embedded generator, such as {example!r}")
