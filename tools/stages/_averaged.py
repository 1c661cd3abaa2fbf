"""What the stages have in common: one network that is averaged and stored, a budget, checkpoints that continue exactly.

A stage calls `super().__init__`, which seeds the initial weights, builds its network and hands it to `average`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from core.ema import EMA
from core.posthoc import Tracked
from core.training.distributed import World
from core.training.fit import Metrics
from core.training.seeds import seed_of
from modalities.modality import Modality
from tools import build, checkpoint, snapshots
from tools.checkpoint import Counters
from tools.schema import Recipe
from tools.training import Budget, load_weights


class Averaged(ABC):
    """`network` is bare, `ema.module` its average, `tracked` the averages of `posthoc`: a checkpoint's weights.

    Whatever else a training needs to continue is its `state()`, which `restore` takes back.
    """

    network: torch.nn.Module
    ema: EMA
    tracked: Tracked | None

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None:
        self.recipe, self.media, self.world = recipe, media, world
        self.budget = Budget(recipe, world)
        torch.manual_seed(seed_of(recipe.seed))  # for the initial weights

    def average(self, network: torch.nn.Module) -> None:
        """Average and store `network`, which is on its device already."""
        recipe = self.recipe
        self.network = network
        self.ema = EMA(network, build.component("core.averages", recipe.ema))
        self.tracked = Tracked(network, recipe.posthoc.sigma_rels) if recipe.posthoc.every else None

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.parameters())

    @property
    def counters(self) -> Counters:
        return self.budget.counters

    def seconds(self) -> float:
        return self.budget.seconds()

    def counted(self, step: int) -> None:
        """`step` steps are done, and the weights are those after it."""
        if self.tracked:
            self.tracked.update(self.network)
        self.budget.counted(step)

    def until_used(self, steps: Iterator[Metrics]) -> Iterator[Metrics]:
        """Take steps until the budget is used, each counted before it is yielded."""
        while self.budget.progress() < 1:
            metrics = next(steps)
            self.counted(metrics.step)
            yield metrics

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the weights, their averages and the counters."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""

    def save(self) -> Path:
        """Write a checkpoint of this moment into the run folder."""
        tracked = self.tracked.state_dict() if self.tracked else {}
        return checkpoint.save(
            Path(self.recipe.run),
            self.recipe,
            self.budget.now(),
            weights=self.network.state_dict(),
            ema=self.ema.module.state_dict(),
            state={"ema": self.ema.updates, "tracked": tracked, **self.state()},
            keep=self.recipe.checkpoint.keep,
        )

    def load(self, folder: Path) -> None:
        """Continue from a checkpoint. Raises ValueError where its weights do not fit the recipe."""
        load_weights(self.network, folder, "model", self.world.device)
        load_weights(self.ema.module, folder, "ema", self.world.device)
        self.budget.counters, state = checkpoint.training_state(folder)
        self.ema.updates = int(state["ema"])
        if self.tracked:
            self.tracked.load_state_dict(state["tracked"])
        self.restore(state)

    def begin(self, folder: Path) -> None:
        """Start from the averaged weights of another run."""
        for network in (self.network, self.ema.module):
            load_weights(network, folder, "ema", self.world.device, may_lack=("condition.leap1", "condition.leap2"))

    def snapshot(self) -> None:
        """The tracked averages of this moment, into the run folder."""
        if self.tracked:
            snapshots.write(Path(self.recipe.run), self.tracked)
