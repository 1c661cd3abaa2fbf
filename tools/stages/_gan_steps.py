"""The steps of a GAN's training, a generator of metrics like `core.training.fit.fit`: critic first, then generator."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.training.distributed import average
from core.training.fit import Conditioned, Metrics, check_finite
from core.training.seeds import generator_of
from core.training.update import clipped, set_rate
from modalities.adversarial.duel import Loss, critic_loss, generator_loss
from tools.schema import Recipe

LATENT = 4
"""Last word of the seed of z, beside those of the noise, the augmentation, the stills and dropout's masks."""


class Game(NamedTuple):
    """Both networks as they are called, `make` compiled perhaps, and the context in which they compute."""

    make: Callable[[Tensor, Tensor | None], Tensor]
    critic: nn.Module
    loss: Loss
    autocast: Callable[[], AbstractContextManager]


class Part(NamedTuple):
    """What one pass sees: x0 (b, *event), label (b,) or none, z (2, b, latent) of the critic's turn and of the
    generator's, the weight of the penalty."""

    x0: Tensor
    label: Tensor | None
    z: Tensor
    gamma: float


def steps(
    recipe: Recipe,
    game: Game,
    networks: Mapping[str, nn.Module],
    batches: Iterable[Conditioned],
    optimizers: Mapping[str, torch.optim.Optimizer],
    *,
    start: int,
    rank: int,
    progress: Callable[[], float],
    learning_rate: Callable[[int], float],
) -> Iterator[Metrics]:
    """Train `networks["critic"]` and `networks["generator"]` without end. The metrics' loss is the generator's; their
    parts are the critic's, and the margin by which it finds real examples more real than made ones.

    Raises `NonFiniteLoss` one step late, as `fit` does; ValueError where `train.accumulate` does not divide a batch.
    """
    previous, clip = None, recipe.optimizer.clip_norm
    for step, (x0, cond) in enumerate(batches, start):
        rate, gamma = learning_rate(step), penalty(recipe, step, progress())
        draws = generator_of(recipe.seed, step, rank, LATENT)
        z = torch.randn(2, len(x0), recipe.gan.latent, generator=draws).to(x0.device)
        parts = split(recipe, Part(x0, None if cond is None else cond.get("label"), z, gamma))
        if previous is not None:
            check_finite(previous)
        critic_rate = rate * recipe.gan.critic_lr
        (found, margin), _ = update(game, critics, networks["critic"], parts, optimizers["critic"], critic_rate, clip)
        game.critic.requires_grad_(False)  # the generator's loss needs no gradient of its weights
        turn = update(game, generators, networks["generator"], parts, optimizers["generator"], rate, clip)
        game.critic.requires_grad_(True)
        previous = Metrics(step + 1, turn[0][0], turn[1], rate, {"critic_loss": found, "margin": margin})
        yield previous


def critics(game: Game, part: Part) -> tuple[Tensor, ...]:
    """(b,) loss of the critic and its margin. In float32 where there is a penalty: a gradient's gradient needs it."""
    with torch.no_grad(), game.autocast():
        fake = game.make(part.z[0], part.label).float()
    with torch.autocast(fake.device.type, enabled=False) if part.gamma > 0 else game.autocast():
        return critic_loss(game.critic, game.loss, part.x0, fake, part.label, gamma=part.gamma)


def generators(game: Game, part: Part) -> tuple[Tensor, ...]:
    """(b,) loss of the generator."""
    with game.autocast():
        fake = game.make(part.z[1], part.label)
        return (generator_loss(game.critic, game.loss, part.x0, fake, part.label),)


def update(
    game: Game,
    losses: Callable[[Game, Part], tuple[Tensor, ...]],
    network: nn.Module,
    parts: Sequence[Part],
    optimizer: torch.optim.Optimizer,
    rate: float,
    clip_norm: float,
) -> tuple[list[Tensor], Tensor]:
    """One step of `network` on the mean of the first of `losses`; the means of all of them, and the gradient's norm."""
    count = sum(len(part.x0) for part in parts)
    optimizer.zero_grad(set_to_none=True)
    sums: list[Tensor] = []
    for part in parts:
        found = losses(game, part)
        (found[0].sum() / count).backward()
        sums.append(torch.stack([value.detach().sum() for value in found]))
    average(p.grad for p in network.parameters() if p.grad is not None)
    norm = clipped(network.parameters(), clip_norm)
    set_rate(optimizer, rate)
    optimizer.step()
    return list(torch.stack(sums).sum(0) / count), norm.detach()


def penalty(recipe: Recipe, step: int, progress: float) -> float:
    """gamma of this step: 0 but for every `penalty_every`-th, which then counts for those in between (Karras et al.
    2020, sec. 3.1)."""
    options = recipe.gan
    if step % options.penalty_every or options.gamma == 0:
        return 0.0
    end = options.gamma if options.gamma_end is None else options.gamma_end
    return options.penalty_every * options.gamma ** (1 - progress) * end**progress


def split(recipe: Recipe, whole: Part) -> list[Part]:
    """The passes that a batch is split into."""
    size, count = len(whole.x0), recipe.train.accumulate
    if size % count:
        raise ValueError(f"train.accumulate={count} must divide the batch of {size} examples per process")
    rows = torch.arange(size, device=whole.x0.device).chunk(count)
    label = whole.label
    return [Part(whole.x0[r], None if label is None else label[r], whole.z[:, r], whole.gamma) for r in rows]
