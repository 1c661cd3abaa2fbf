"""What a stage of training is to the tools: one file in `tools/stages/`, found by the name that `stage=` gives.

    stage = stages.of(recipe)                      diffusion, autoencoder, gan
    training = stage(recipe, media, world)         the weights, fresh; `load` brings a checkpoint's
    for metrics in training.run(batches): ...      until the budget is used

`tools.sitting.sit` does all that they have in common: the log, the checkpoints, Ctrl-C, the sheets.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from core import discover
from core.training.distributed import World
from core.training.fit import Conditioned, Metrics
from modalities.modality import Modality
from tools.checkpoint import Counters
from tools.sampling import Sample
from tools.schema import Recipe
from tools.training import Budget

Draw = Callable[[Sequence[Sample]], Iterator[tuple[Sequence[Sample], Tensor]]]
"""`draw(samples)` yields some of the samples at a time, in their order, with their x0 (b, *event)."""


class Stage(Protocol):
    """A training in flight: the objects of a recipe, their counters, and how both are saved and brought back.

    The recipe is measured; initial weights and all randomness are functions of its seed and of the step.
    """

    recipe: Recipe
    media: Modality
    world: World
    budget: Budget

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None: ...

    @property
    def counters(self) -> Counters:
        """Steps done, and the seconds of earlier sittings."""
        ...

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        ...

    def seconds(self) -> float:
        """Wall-clock seconds of training, over all sittings."""
        ...

    def run(self, batches: Iterable[Conditioned]) -> Iterator[Metrics]:
        """Train until the budget is used; yields after every step, with `counters.step` already counted."""
        ...

    def save(self) -> Path:
        """Write a checkpoint of this moment into the run folder: `tools.checkpoint.save`."""
        ...

    def load(self, folder: Path) -> None:
        """Continue exactly from a checkpoint. Raises ValueError where its weights do not fit the recipe."""
        ...

    def begin(self, folder: Path) -> None:
        """Take the averaged weights of another run's checkpoint for the first ones."""
        ...

    def snapshot(self) -> None:
        """Store the averages of `posthoc`; asked for only where the recipe has them."""
        ...

    def sheet(self, out: Path, checkpoint: str) -> None:
        """Show in the folder `out` what the averaged weights can do. All processes call it."""
        ...

    def finish(self, say: Callable[[str], None]) -> None:
        """What is measured once the budget is used, after the last checkpoint; `say` shows a line of it."""
        ...

    @staticmethod
    def restored(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Draw:
        """From a checkpoint to samples: what `tools/sample.py` draws with.

        Raises ValueError where the weights do not fit, or this stage makes nothing that could be drawn from.
        """
        ...


def names() -> list[str]:
    return discover.names("tools.stages")


def of(recipe: Recipe) -> type[Stage]:
    """The stage that a recipe names."""
    return discover.resolve("tools.stages", recipe.stage)
