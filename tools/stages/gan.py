"""A generator against a critic: `stage=gan` (Goodfellow et al. 2014), in the form of Huang et al. 2024 (R3GAN).

Each step trains the critic on the batch beside as many made examples, then the generator on others: the relativistic
pairing loss with R1 and R2, no normalisation, an average of the generator's weights for sampling. gamma falls
geometrically from `gan.gamma` to `gan.gamma_end` over the training, as there.
"""

import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from core.ema import EMA
from core.posthoc import Tracked
from core.training.distributed import World
from core.training.fit import Conditioned, Metrics
from core.training.seeds import seed_of
from modalities.adversarial.critic import Critic
from modalities.adversarial.generator import Generator
from modalities.modality import Modality
from tools import build, checkpoint, sample_folder, snapshots
from tools.checkpoint import Counters
from tools.restored import fill
from tools.schema import Recipe
from tools.stage import Draw
from tools.stages._gan_draw import drawn, plan
from tools.stages._gan_steps import Game, steps
from tools.training import Budget, autocast, load_weights


class Gan:
    """`recipe` must be measured. The generator's weights are the checkpoint's `model` and `ema`; the critic's are part
    of the training state, as nothing but training asks for them."""

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None:
        self.recipe, self.media, self.world = recipe, media, world
        torch.manual_seed(seed_of(recipe.seed))  # for the initial weights
        shape = plan(recipe, media)
        self.generator, self.critic = Generator(shape).to(world.device), Critic(shape).to(world.device)
        if recipe.channels_last and shape.rank < 3:
            for network in (self.generator, self.critic):
                network.to(memory_format=torch.channels_last)
        self.ema = EMA(self.generator, build.component("core.averages", recipe.ema))
        self.tracked = Tracked(self.generator, recipe.posthoc.sigma_rels) if recipe.posthoc.every else None
        nothing = torch.nn.Module()
        self.optimizers = {
            "generator": build.optimizer(recipe, self.generator, nothing),
            "critic": build.optimizer(recipe, self.critic, nothing),
        }
        self.budget = Budget(recipe, world)

    @property
    def parameters(self) -> int:
        return sum(p.numel() for network in (self.generator, self.critic) for p in network.parameters())

    @property
    def counters(self) -> Counters:
        return self.budget.counters

    def seconds(self) -> float:
        return self.budget.seconds()

    def run(self, batches: Iterable[Conditioned]) -> Iterator[Metrics]:
        """Train until the budget is used; yields after every step, with `counters.step` already counted."""
        self.budget.start()
        make = self.generator
        if self.recipe.compile:  # not the critic: its penalty is differentiated twice, which torch.compile cannot do
            make = typing.cast(Generator, torch.compile(self.generator))
        loss = build.component("modalities.adversarial.losses", self.recipe.gan.loss)
        done = steps(
            self.recipe,
            Game(make, self.critic, loss, autocast(self.recipe, self.world.device)),
            {"generator": self.generator, "critic": self.critic},
            batches,
            self.optimizers,
            start=self.counters.step,
            rank=self.world.rank,
            progress=self.budget.progress,
            learning_rate=self.budget.rate,
        )
        while self.budget.progress() < 1:
            metrics = next(done)
            self.ema.update(self.generator)
            if self.tracked:
                self.tracked.update(self.generator)
            self.budget.counted(metrics.step)
            yield metrics

    def save(self) -> Path:
        """Write a checkpoint of this moment into the run folder."""
        return checkpoint.save(
            Path(self.recipe.run),
            self.recipe,
            self.budget.now(),
            weights=self.generator.state_dict(),
            ema=self.ema.module.state_dict(),
            state={
                "critic": self.critic.state_dict(),
                "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
                "ema": self.ema.updates,
                "tracked": self.tracked.state_dict() if self.tracked else {},
            },
            keep=self.recipe.checkpoint.keep,
        )

    def load(self, folder: Path) -> None:
        """Continue from a checkpoint. Raises ValueError where its weights do not fit the recipe."""
        device = self.world.device
        load_weights(self.generator, folder, "model", device)
        load_weights(self.ema.module, folder, "ema", device)
        self.budget.counters, state = checkpoint.training_state(folder)
        self.critic.load_state_dict(state["critic"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.ema.updates = int(state["ema"])
        if self.tracked:
            self.tracked.load_state_dict(state["tracked"])

    def snapshot(self) -> None:
        """The tracked averages of this moment, into the run folder."""
        if self.tracked:
            snapshots.write(Path(self.recipe.run), self.tracked)

    def sheet(self, out: Path, checkpoint: str) -> None:
        """Samples of the averaged generator."""
        draw = drawn(self.recipe, typing.cast(Generator, self.ema.module))
        sample_folder.fill(self.recipe, draw, self.media, out, checkpoint=checkpoint, world=self.world)

    def finish(self, say: Callable[[str], None]) -> None:
        """Nothing: a GAN is measured by its samples, `tools/evaluate.py`."""

    @staticmethod
    def restored(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Draw:
        generator = Generator(plan(recipe, media)).to(device)
        fill(generator, recipe, folder, device)
        return drawn(recipe, generator.eval().requires_grad_(False))


gan = Gan
