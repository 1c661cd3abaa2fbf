"""An autoencoder of images, sounds or clips, for latents to diffuse in or as a VAE: `stage=autoencoder`.

runs/NAME/
    latents.json          shift and scale of the latents, measured on training data at the end
    reconstruction.json   how near reconstructions of held-out data are: PSNR and SSIM, or SNR and STFT distance
    samples/step-…/       originals above reconstructions; of a VAE also samples
"""

import json
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.optimizers.adamw import adamw
from core.training.distributed import World
from core.training.fit import Conditioned, Metrics
from core.training.seeds import generator_of
from modalities.latents import statistics
from modalities.latents.adversary import Adversary
from modalities.latents.autoencoder import Autoencoder as Network
from modalities.latents.fit import fit
from modalities.latents.statistics import Statistics
from modalities.modality import Modality
from modalities.writing import write_bytes
from tools import build, checkpoint, sample_folder
from tools import recipe as recipes
from tools.sampling import Sample
from tools.schema import Recipe
from tools.stage import Draw
from tools.stages import _reconstruction
from tools.stages._averaged import Averaged
from tools.training import autocast, load_weights

MEASURED = 1024
"""Examples that shift and scale of the latents are measured on."""

PRIOR = 1e-3
"""A bottleneck of at least this weight is held near its prior, so that drawing from it makes sense."""


class Autoencoder(Averaged):
    """`model` is the network as it is called: compiled, distributed."""

    network: Network

    def __init__(self, recipe: Recipe, media: Modality, world: World) -> None:
        super().__init__(recipe, media, world)
        network = build.autoencoder(recipe, media).to(world.device)
        if recipe.channels_last and network.rank == 2:
            network.to(memory_format=torch.channels_last)
        self.average(network)
        self.objective = build.reconstruction(recipe)
        self.optimizer = build.optimizer(recipe, self.network, torch.nn.Module())
        self.adversary = self._adversary()
        compiled = typing.cast(torch.nn.Module, torch.compile(self.network)) if recipe.compile else self.network
        self.model = world.wrap(compiled)

    def _adversary(self) -> Adversary | None:
        part, optimizer = self.recipe.autoencoder.adversarial, self.recipe.optimizer
        if not part.weight > 0:
            return None
        panel = build.discriminator(part.discriminator, self.media.event_shape, classes=self.network.classes)
        panel.to(self.world.device)
        learner = adamw(panel.named_parameters(), lr=optimizer.lr, beta1=0.5)
        for group in learner.param_groups:
            group["lr_scale"] = part.lr / optimizer.lr
        loss = build.component("modalities.adversarial.losses", part.loss)
        return Adversary(panel, self.world.wrap(panel), loss, learner, part.weight, part.features, part.start)

    def run(self, batches: Iterable[Conditioned]) -> Iterator[Metrics]:
        """Train until the budget is used; yields after every step, with `counters.step` already counted."""
        recipe = self.recipe
        self.budget.start()
        steps = fit(
            self.model,
            self.network,
            batches,
            self.objective,
            self.optimizer,
            ema=self.ema,
            learning_rate=self.budget.rate,
            progress=self.budget.progress,
            adversary=self.adversary,
            seed=recipe.seed,
            start=self.counters.step,
            rank=self.world.rank,
            ranks=self.world.size,
            accumulate=recipe.train.accumulate,
            clip_norm=recipe.optimizer.clip_norm,
            autocast=autocast(recipe, self.world.device),
        )
        yield from self.until_used(steps)

    def state(self) -> dict[str, Any]:
        adversary = {}
        if self.adversary is not None:
            adversary = {"panel": self.adversary.panel.state_dict(), "optimizer": self.adversary.optimizer.state_dict()}
        return {"optimizer": self.optimizer.state_dict(), "adversary": adversary}

    def restore(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        if self.adversary is not None:
            self.adversary.panel.load_state_dict(state["adversary"]["panel"])
            self.adversary.optimizer.load_state_dict(state["adversary"]["optimizer"])

    def sheet(self, out: Path, checkpoint: str) -> None:
        """Originals above reconstructions, of held-out data; where there is a prior to draw from, samples too."""
        recipe, media, device = self.recipe, self.media, self.world.device
        if has_prior(recipe):
            draw = drawn(recipe, media, self.averaged(), device)
            sample_folder.fill(recipe, draw, media, out, checkpoint=checkpoint, world=self.world)
        if self.world.first:
            _reconstruction.show(recipe, media, self.averaged(), device, out)
        self.world.barrier()

    def finish(self, say: Callable[[str], None]) -> None:
        """`latents.json` and `reconstruction.json` of the averaged weights."""
        recipe, media, device, run = self.recipe, self.media, self.world.device, Path(self.recipe.run)
        if self.world.first:
            source = media.source(Path(recipe.data.path) if recipe.data.path else None, recipe.data.split)
            statistics.save(measured(recipe, media, self.averaged(), source, device), run / "latents.json")
            report = _reconstruction.report(recipe, media, self.averaged(), device)
            entry = {"step": self.counters.step, "seconds": round(self.seconds(), 1), **asdict(report)}
            write_bytes((json.dumps(entry) + "\n").encode(), run / "reconstruction.json")
            say(report.line())
        self.world.barrier()

    def averaged(self) -> Network:
        """The network with averaged weights."""
        return typing.cast(Network, self.ema.module)

    @staticmethod
    def restored(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Draw:
        if not has_prior(recipe):
            name, weight = recipe.autoencoder.bottleneck["name"], recipe.autoencoder.bottleneck.get("weight")
            what = name if weight is None else f"{name} of weight {weight:g}"
            raise ValueError(
                f"{recipe.run} is an autoencoder whose bottleneck, {what}, has no prior to draw from: train a "
                f"diffusion on its latents (stage=diffusion latents={recipe.run}), or one that has (recipe=vae)"
            )
        return drawn(recipe, media, network_of(recipe, media, folder, device), device)


def has_prior(recipe: Recipe) -> bool:
    node = recipe.autoencoder.bottleneck
    bottleneck = build.component("modalities.latents.bottlenecks", node)
    return hasattr(bottleneck, "draw") and bottleneck.weight >= PRIOR


def drawn(recipe: Recipe, media: Modality, network: Network, device: torch.device) -> Draw:
    """x0 = decoder(z), z from the prior; noise, drawn on the CPU, depends on the seed of the sample alone."""
    shape = network.latent_shape(media.event_shape)

    @torch.inference_mode()
    def draw(samples: Sequence[Sample]) -> Iterator[tuple[Sequence[Sample], Tensor]]:
        for first in range(0, len(samples), recipe.sample.batch):
            some = samples[first : first + recipe.sample.batch]
            noise = torch.stack([torch.randn(shape, generator=generator_of(sample.seed)) for sample in some])
            label = torch.tensor([sample.label for sample in some], device=device)
            z = network.bottleneck.draw(recipe.sampler.noise_scale * noise.to(device))
            yield some, network.decode(z, label)

    return draw


@torch.inference_mode()
def measured(recipe: Recipe, media: Modality, network: Network, source: Any, device: torch.device) -> Statistics:
    """Shift and scale of the latents of `MEASURED` examples."""
    examples = _reconstruction.some(recipe, media, source, MEASURED, device)
    return statistics.measured(network.encode(x0, label).float() for _, x0, label in examples)


def network_of(recipe: Recipe, media: Modality, folder: Path, device: torch.device) -> Network:
    """The autoencoder of a checkpoint, averaged or raw as `sample.weights` says, ready to use."""
    network = build.autoencoder(recipe, media).to(device)
    load_weights(network, folder, checkpoint.weights_of(recipe), device)
    return network.eval().requires_grad_(False)


def load_autoencoder(run: Path, device: torch.device | str = "cpu") -> tuple[Recipe, Network, Statistics]:
    """The newest autoencoder of a run, its recipe, and shift and scale of its latents.

    Raises ValueError where `run` holds no finished autoencoder.
    """
    if not (run / "recipe.yaml").is_file():
        raise ValueError(f"{run} holds no run of stage=autoencoder")
    recipe = recipes.read(run / "recipe.yaml")
    if recipe.stage != "autoencoder":
        raise ValueError(f"{run} is a run of stage={recipe.stage}, not of stage=autoencoder")
    folder = checkpoint.latest(run)
    if folder is None or not (run / "latents.json").is_file():
        raise ValueError(f"{run} has not been trained to its end: the same command continues it")
    found = statistics.read(run / "latents.json")
    return recipe, network_of(recipe, build.modality(recipe), folder, torch.device(device)), found


autoencoder = Autoencoder
