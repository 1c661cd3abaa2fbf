"""What a condition is: something that the data say about an example, and that a model can be asked for.

    data: Batch, x0 -> kind.of -> rows (B, ...)                   training; an absent row: -1 or NaN, see core.condition
    a user's words  -> kind.given -> one row (1, ...)             sampling
    rows -> kind.module(channels) -> into the network, in the way that `kind.enters` names:

    "norm"        embedding (B, channels), added to the noise level's: it modulates every residual block
    "attention"   tokens (B, L, channels) and a mask (B, L) bool: cross-attention at the levels with attention
    "concat"      signal (B, module.channels, *size), beside x at the network's input, see modalities.nn.concat

A recipe names conditions, `conditions: {caption: {name: text}, pitch: {name: value, low: 50, high: 500}}`; the name is
the key in `cond`. One kind is one file in `modalities/conditions/`, a frozen dataclass whose fields are its options.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from torch import Generator, Tensor, nn

from core import discover

if TYPE_CHECKING:
    from modalities.data.batch import Batch
    from modalities.modality import Modality

PACKAGE = "modalities.conditions"

TAKEN = ("label", "stills", "name", "options")
"""No names of conditions: the data's own classes, heaps of still images, and what recipes call their parts."""


class Condition(Protocol):
    """A kind with its options. Everything but `module` is free of state; `of` draws from its generator alone."""

    enters: ClassVar[str]
    """«norm», «attention» or «concat»."""

    word: ClassVar[str]
    """The short word of the command line that fills it, «prompt» or «reference»; empty: `condition.NAME=` alone."""

    measured: ClassVar[tuple[str, ...]]
    """Options that are null until the data have been looked at, see `look`."""

    @property
    def dropout(self) -> float:
        """Share of training examples in which this condition alone is absent, 0 to 1."""
        ...

    def bound(self, media: "Modality") -> Self:
        """The kind for this kind of media; itself where it needs to know nothing. Raises ValueError where it does not
        go with the media. Called once, before any of the other methods."""
        ...

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        """The options named in `measured`, from `values(field)`: that field of every example, None where it lacks.

        Raises ValueError where the data do not have what this condition needs.
        """
        ...

    def of(self, batch: "Batch", x0: Tensor, generator: Generator) -> Tensor:
        """The rows (B, ...) of a batch, on the device of its x0 (B, *event)."""
        ...

    def said(self, batch: "Batch") -> Sequence[Any]:
        """What one would say to ask for each example of a batch: plain values for `given`, None where nothing."""
        ...

    def given(self, value: Any) -> Tensor:
        """One row (1, ...) on the CPU from what a user said: a number, a text or a path, often as raw text.

        Raises ValueError in one line that ends in what is allowed; the caller puts the key in front.
        """
        ...

    def empty(self) -> Tensor:
        """One absent row (1, ...) on the CPU; the size of a signal may be 1 along each axis."""
        ...

    def module(self, channels: int) -> nn.Module:
        """Turns rows (B, ...), absent ones among them, into what `enters` says. Looks at no value on the host."""
        ...


def build(conditions: Mapping[str, Mapping[str, Any]], media: "Modality") -> dict[str, Condition]:
    """The conditions of a recipe by name, bound to its media.

    Raises ValueError in one line for an unknown kind or option and for a name that is taken.
    """
    kinds = {}
    for name, node in conditions.items():
        check_name(name)
        options = {key: value for key, value in node.items() if key != "name"}
        kinds[name] = discover.build(PACKAGE, node["name"], options).bound(media)
    return kinds


def check_name(name: str) -> None:
    """Raises ValueError for a condition's name that `cond` or a module cannot hold."""
    if name in TAKEN:
        raise ValueError(f"conditions.{name}: this name is taken (classes are data.class_conditional); choose another")
    if not name.isidentifier() or hasattr(nn.ModuleDict(), name):
        raise ValueError(f"conditions.{name}: a name has letters, digits and _, and is no word of Python's or torch's")


def check_dropout(dropout: float) -> None:
    """Raises ValueError unless the share of examples without this condition lies in [0, 1)."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout} must lie in [0, 1): it is the share of examples without this condition")
