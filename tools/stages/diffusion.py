"""A denoiser, trained on its loss at random times: `stage=diffusion`."""

import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.denoiser import Denoiser
from core.losses.distillation import Distillation
from core.training.distributed import World
from core.training.fit import Conditioned, Metrics, fit
from core.training.objective import Objective
from core.training.seeds import seed_of
from modalities.modality import Modality
from tools import build, sample_folder, sampling, start
from tools.restored import restored
from tools.schema import Recipe
from tools.stage import Draw
from tools.stages._averaged import Averaged
from tools.training import DROPOUT, autocast
from tools.weaker import weaker


class Diffusion(Averaged):
    """`recipe` must be measured. `network` is the bare network; `denoiser` sees it wrapped, compiled and averaged."""

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None:
        super().__init__(recipe, media, world)
        network = build.network(recipe, media).to(world.device)
        if recipe.channels_last and len(media.event_shape) == 3:
            network.to(memory_format=torch.channels_last)
        self.average(network)
        compiled = typing.cast(torch.nn.Module, torch.compile(network)) if recipe.compile else network
        self.denoiser = build.denoiser(recipe, world.wrap(compiled)).to(world.device)
        self.objective = self._objective()
        self.objective.modules.to(world.device)
        self.optimizer = build.optimizer(recipe, self.network, self.objective.modules)

    def _objective(self) -> Objective:
        objective = build.objective(self.recipe)
        if not isinstance(objective.loss, Distillation):
            return objective
        teacher = start.teacher(self.recipe, self.media, self.denoiser.schedule, self.world.device)
        return replace(objective, loss=objective.loss.taught_by(teacher))

    def run(self, batches: Iterable[Conditioned]) -> Iterator[Metrics]:
        """Train until the budget is used; yields after every step, with `counters.step` already counted."""
        recipe = self.recipe
        self.budget.start()
        steps = fit(
            self.denoiser,
            self.network,
            self._seeded(batches),
            self.objective,
            self.optimizer,
            ema=self.ema,
            learning_rate=self.budget.rate,
            seed=recipe.seed,
            start=self.counters.step,
            rank=self.world.rank,
            ranks=self.world.size,
            accumulate=recipe.train.accumulate,
            clip_norm=recipe.optimizer.clip_norm,
            autocast=autocast(recipe, self.world.device),
            progress=self.budget.progress,
        )
        yield from self.until_used(steps)

    def _seeded(self, batches: Iterable[Conditioned]) -> Iterator[Conditioned]:
        """The batches; before each, torch's own generator, which dropout draws from, becomes a function of the step."""
        for step, batch in enumerate(batches, self.counters.step):
            torch.manual_seed(seed_of(self.recipe.seed, step, self.world.rank, DROPOUT))
            yield batch

    def state(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "objective": self.objective.modules.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective.modules.load_state_dict(state.get("objective", {}))  # {}: from before objectives had a state

    def averaged(self) -> Denoiser:
        """The denoiser with averaged weights, for sampling."""
        return build.denoiser(self.recipe, self.ema.module)

    def sheet(self, out: Path, checkpoint: str) -> None:
        """Samples of the averaged weights."""
        draw = drawn(self.recipe, self.averaged(), self.media)
        sample_folder.fill(self.recipe, draw, self.media, out, checkpoint=checkpoint, world=self.world)

    def finish(self, say: Callable[[str], None]) -> None:
        """Nothing: a denoiser is measured by its samples, `tools/evaluate.py`."""

    @staticmethod
    def restored(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Draw:
        return drawn(recipe, restored(recipe, media, folder, device), media)


def drawn(recipe: Recipe, denoiser: Denoiser, media: Modality) -> Draw:
    """Samples as the recipe's sampler and guidance make them; see `tools.sampling.draw`."""
    worse = weaker(recipe, media, next(denoiser.parameters()).device)
    return partial(sampling.draw, recipe, denoiser, media, weaker=worse)


diffusion = Diffusion
