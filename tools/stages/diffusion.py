"""A denoiser, trained on its loss at random times: `stage=diffusion`."""

import typing
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import torch

from core.denoiser import Denoiser
from core.ema import EMA
from core.posthoc import Tracked
from core.training.distributed import World
from core.training.fit import Conditioned, Metrics, fit
from core.training.seeds import seed_of
from modalities.modality import Modality
from tools import build, checkpoint, sample_folder, sampling, snapshots
from tools.checkpoint import Counters
from tools.restored import restored
from tools.schema import Recipe
from tools.stage import Draw
from tools.training import DROPOUT, Budget, autocast, load_weights
from tools.weaker import weaker


class Diffusion:
    """`recipe` must be measured. `network` is the bare network; `denoiser` sees it wrapped, compiled and averaged."""

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None:
        self.recipe, self.media, self.world = recipe, media, world
        torch.manual_seed(seed_of(recipe.seed))  # for the initial weights
        self.denoiser = build.denoiser(recipe, media).to(world.device)
        self.network = self.denoiser.network
        if recipe.channels_last and len(media.event_shape) == 3:
            self.network.to(memory_format=torch.channels_last)
        self.ema = EMA(self.network, build.component("core.averages", recipe.ema))
        self.objective = build.objective(recipe)
        self.objective.modules.to(world.device)
        self.tracked = Tracked(self.network, recipe.posthoc.sigma_rels) if recipe.posthoc.every else None
        self.optimizer = build.optimizer(recipe, self.network, self.objective.modules)
        compiled = self.network
        if recipe.compile:
            compiled = typing.cast(torch.nn.Module, torch.compile(self.network))
        self.denoiser.network = world.wrap(compiled)
        self.budget = Budget(recipe, world)

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.parameters())

    @property
    def counters(self) -> Counters:
        return self.budget.counters

    def seconds(self) -> float:
        return self.budget.seconds()

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
        )
        while self.budget.progress() < 1:
            metrics = next(steps)
            if self.tracked:
                self.tracked.update(self.network)
            self.budget.counted(metrics.step)
            yield metrics

    def _seeded(self, batches: Iterable[Conditioned]) -> Iterator[Conditioned]:
        """The batches; before each, torch's own generator, which dropout draws from, becomes a function of the step."""
        for step, batch in enumerate(batches, self.counters.step):
            torch.manual_seed(seed_of(self.recipe.seed, step, self.world.rank, DROPOUT))
            yield batch

    def save(self) -> Path:
        """Write a checkpoint of this moment into the run folder."""
        return checkpoint.save(
            Path(self.recipe.run),
            self.recipe,
            self.budget.now(),
            weights=self.network.state_dict(),
            ema=self.ema.module.state_dict(),
            state={
                "optimizer": self.optimizer.state_dict(),
                "ema": self.ema.updates,
                "objective": self.objective.modules.state_dict(),
                "tracked": self.tracked.state_dict() if self.tracked else {},
            },
            keep=self.recipe.checkpoint.keep,
        )

    def load(self, folder: Path) -> None:
        """Continue from a checkpoint. Raises ValueError where its weights do not fit the recipe."""
        device = self.world.device
        load_weights(self.network, folder, "model", device)
        load_weights(self.ema.module, folder, "ema", device)
        self.budget.counters, state = checkpoint.training_state(folder)
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema.updates = int(state["ema"])
        if self.tracked:
            self.tracked.load_state_dict(state["tracked"])
        self.objective.modules.load_state_dict(state.get("objective", {}))  # {}: from before objectives had a state

    def averaged(self) -> Denoiser:
        """The denoiser with averaged weights, for sampling."""
        like = self.denoiser
        return Denoiser(self.ema.module, like.schedule, like.prediction, sigma_data=like.sigma_data)

    def snapshot(self) -> None:
        """The tracked averages of this moment, into the run folder."""
        if self.tracked:
            snapshots.write(Path(self.recipe.run), self.tracked)

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
