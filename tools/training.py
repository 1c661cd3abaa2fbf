"""One training in flight: the objects of a recipe, their counters, and how both are saved and brought back."""

import contextlib
import time
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from core.denoiser import Denoiser
from core.ema import EMA
from core.posthoc import Tracked
from core.training.distributed import World
from core.training.fit import Conditioned, Metrics, fit
from core.training.learning_rate import learning_rate
from core.training.seeds import seed_of
from modalities.modality import Modality
from tools import build, checkpoint
from tools.checkpoint import Counters
from tools.schema import Recipe

DROPOUT = 3
"""Last word of the seed of dropout's masks, beside those of the noise, the augmentation and the stills."""


class Training:
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
        self.counters = Counters()
        compiled = self.network
        if recipe.compile:
            compiled = typing.cast(torch.nn.Module, torch.compile(self.network))
        self.denoiser.network = world.wrap(compiled)
        self._started = time.monotonic()

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.parameters())

    def progress(self) -> float:
        """The share of the budget that is used, in [0, 1]: of the steps or of the minutes, whichever is further."""
        limits = self.recipe.train
        by_steps = self.counters.step / limits.steps if limits.steps else 0.0
        by_clock = self.seconds() / (60 * limits.minutes) if limits.minutes else 0.0
        return min(1.0, self.world.agreed(max(by_steps, by_clock)))

    def seconds(self) -> float:
        """Wall-clock seconds of training, over all sittings."""
        return self.counters.seconds + time.monotonic() - self._started

    def run(self, batches: Iterable[Conditioned]) -> Iterator[Metrics]:
        """Train until the budget is used; yields after every step, with `counters.step` already counted."""
        recipe, decay = self.recipe, build.decay(self.recipe)
        self._started = time.monotonic()

        def rate(step: int) -> float:
            options = recipe.optimizer
            return learning_rate(step, self.progress(), base=options.lr, warmup=options.warmup_steps, decay=decay)

        steps = fit(
            self.denoiser,
            self.network,
            self._seeded(batches),
            self.objective,
            self.optimizer,
            ema=self.ema,
            learning_rate=rate,
            seed=recipe.seed,
            start=self.counters.step,
            rank=self.world.rank,
            ranks=self.world.size,
            accumulate=recipe.train.accumulate,
            clip_norm=recipe.optimizer.clip_norm,
            autocast=autocast(recipe, self.world.device),
        )
        while self.progress() < 1:
            metrics = next(steps)
            if self.tracked:
                self.tracked.update(self.network)
            self.counters = Counters(metrics.step, self.counters.seconds)
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
            Counters(self.counters.step, self.seconds()),
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
        self.counters, state = checkpoint.training_state(folder)
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema.updates = int(state["ema"])
        if self.tracked:
            self.tracked.load_state_dict(state["tracked"])
        self.objective.modules.load_state_dict(state.get("objective", {}))  # {}: from before objectives had a state

    def averaged(self) -> Denoiser:
        """The denoiser with averaged weights, for sampling."""
        like = self.denoiser
        return Denoiser(self.ema.module, like.schedule, like.prediction, sigma_data=like.sigma_data)


def autocast(recipe: Recipe, device: torch.device) -> Callable[[], AbstractContextManager]:
    """A maker of contexts in which the network computes in the recipe's precision."""
    if build.precision(recipe.precision, device) == "fp32":
        return contextlib.nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def load_weights(network: torch.nn.Module, folder: Path, name: str, device: torch.device) -> None:
    """Fill `network` with the `model` or `ema` weights of a checkpoint; ValueError where they do not fit."""
    tensors = checkpoint.weights(folder, name, device)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(f"{folder}/{name}.safetensors does not fit its recipe: {detail}") from None
