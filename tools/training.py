"""What all stages of training share: the budget of steps and minutes, the precision, weights from a checkpoint."""

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from core.training.distributed import World
from core.training.learning_rate import learning_rate
from tools import build, checkpoint
from tools.checkpoint import Counters
from tools.schema import Recipe

DROPOUT = 3
"""Last word of the seed of dropout's masks, beside those of the noise, the augmentation and the stills."""


class Budget:
    """How much of the recipe's steps and minutes is used; `counters` are those of the weights as they stand."""

    def __init__(self, recipe: Recipe, world: World) -> None:
        self.recipe, self.world, self.counters = recipe, world, Counters()
        self._decay = build.decay(recipe)
        self._started = time.monotonic()

    def start(self) -> None:
        """The clock runs from now on: what came before was preparation."""
        self._started = time.monotonic()

    def counted(self, step: int) -> None:
        """`step` steps are done in all."""
        self.counters = Counters(step, self.counters.seconds)

    def seconds(self) -> float:
        """Wall-clock seconds of training, over all sittings."""
        return self.counters.seconds + time.monotonic() - self._started

    def paused(self, seconds: float) -> None:
        """The clock stood still for so long: something else than training was done."""
        self._started += seconds

    def now(self) -> Counters:
        """The counters of this moment, for a checkpoint."""
        return Counters(self.counters.step, self.seconds())

    def progress(self) -> float:
        """The share of the budget that is used, in [0, 1]: of the steps or of the minutes, whichever is further."""
        limits = self.recipe.train
        by_steps = self.counters.step / limits.steps if limits.steps else 0.0
        by_clock = self.seconds() / (60 * limits.minutes) if limits.minutes else 0.0
        return min(1.0, self.world.agreed(max(by_steps, by_clock)))

    def rate(self, step: int) -> float:
        """The learning rate of step `step` (from 0)."""
        options = self.recipe.optimizer
        return learning_rate(step, self.progress(), base=options.lr, warmup=options.warmup_steps, decay=self._decay)


def autocast(recipe: Recipe, device: torch.device) -> Callable[[], AbstractContextManager]:
    """A maker of contexts in which the network computes in the recipe's precision."""
    if build.precision(recipe.precision, device) == "fp32":
        return contextlib.nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def load_weights(
    network: torch.nn.Module, folder: Path, name: str, device: torch.device, *, may_lack: Sequence[str] = ()
) -> None:
    """Fill `network` with the `model` or `ema` weights of a checkpoint; ValueError where they do not fit.

    `may_lack`: modules that one of the two may be without. The network's stay as they are, the checkpoint's are left.
    """
    tensors, own = checkpoint.weights(folder, name, device), network.state_dict()
    for module in may_lack:
        ours, theirs = (
            {key: value for key, value in state.items() if key.startswith(f"{module}.")} for state in (own, tensors)
        )
        if bool(ours) != bool(theirs):
            tensors = {key: value for key, value in tensors.items() if key not in theirs} | ours
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(f"{folder}/{name}.safetensors does not fit its recipe: {detail}") from None
