"""A generator against a critic: `stage=gan` (Goodfellow et al. 2014), in the form of Huang et al. 2024 (R3GAN).

Each step trains the critic on the batch beside as many made examples, then the generator on others: the relativistic
pairing loss with R1 and R2, no normalisation, an average of the generator's weights for sampling. gamma falls
geometrically from `gan.gamma` to `gan.gamma_end` over the training, as there.
"""

import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from core.training.distributed import World
from core.training.fit import Conditioned, Metrics
from modalities.adversarial.critic import Critic
from modalities.adversarial.generator import Generator
from modalities.modality import Modality
from tools import build, sample_folder
from tools.restored import fill
from tools.schema import Recipe
from tools.stage import Draw
from tools.stages._averaged import Averaged
from tools.stages._gan_draw import drawn, plan
from tools.stages._gan_steps import Game, steps
from tools.training import autocast


class Gan(Averaged):
    """`recipe` must be measured. The generator's weights are the checkpoint's `model` and `ema`; the critic's are part
    of the training state, as nothing but training asks for them."""

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None:
        super().__init__(recipe, media, world)
        shape = plan(recipe, media)
        self.generator, self.critic = Generator(shape).to(world.device), Critic(shape).to(world.device)
        if recipe.channels_last and shape.rank < 3:
            for network in (self.generator, self.critic):
                network.to(memory_format=torch.channels_last)
        self.average(self.generator)
        nothing = torch.nn.Module()
        self.optimizers = {
            "generator": build.optimizer(recipe, self.generator, nothing),
            "critic": build.optimizer(recipe, self.critic, nothing),
        }

    @property
    def parameters(self) -> int:
        return sum(p.numel() for network in (self.generator, self.critic) for p in network.parameters())

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
        yield from self.until_used(done)

    def counted(self, step: int) -> None:
        self.ema.update(self.generator)
        super().counted(step)

    def state(self) -> dict[str, Any]:
        optimizers = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        return {"critic": self.critic.state_dict(), "optimizers": optimizers}

    def restore(self, state: dict[str, Any]) -> None:
        self.critic.load_state_dict(state["critic"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])

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
