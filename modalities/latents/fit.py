"""The training loop of an autoencoder, as a generator of metrics; see `core.training.fit`, whose contract it shares.

Step k draws its randomness from `(seed, k)`: a loop that starts at step k with the state that step k left continues
exactly as if it had never stopped.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from core.ema import EMA
from core.training.fit import Conditioned, Metrics, check_finite
from core.training.seeds import generator_of
from core.training.update import clipped, set_rate
from modalities.latents.adversary import Adversary, adaptive_weight
from modalities.latents.autoencoder import Autoencoder
from modalities.latents.objective import Objective


def fit(
    model: nn.Module,
    network: Autoencoder,
    batches: Iterable[Conditioned],
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    *,
    ema: EMA,
    learning_rate: Callable[[int], float],
    progress: Callable[[], float],
    adversary: Adversary | None = None,
    seed: int,
    start: int = 0,
    rank: int = 0,
    ranks: int = 1,
    accumulate: int = 1,
    clip_norm: float = 1.0,
    autocast: Callable[[], AbstractContextManager] = nullcontext,
) -> Iterator[Metrics]:
    """Train without end; yields after each optimiser step.

    `network` is the bare module whose parameters are trained and averaged, `model` the same as it is called (compiled,
    distributed). `learning_rate(step)` is asked before a step, and `progress()`, the share of the training that is
    done, decides whether the adversary takes part. `accumulate` splits each batch into that many passes.

    Raises `NonFiniteLoss` one step late, as `core.training.fit` does.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    previous: Metrics | None = None
    for step, (x0, cond) in enumerate(batches, start):
        rate = learning_rate(step)
        set_rate(optimizer, rate)
        if adversary is not None:
            set_rate(adversary.optimizer, rate)
        label = None if cond is None else cond.get("label")
        opponent = adversary if adversary is not None and progress() >= adversary.start else None
        noise = _noise(network, x0, generator_of(seed, step, device=x0.device), rank, ranks)
        optimizer.zero_grad(set_to_none=True)
        losses, parts, made = _backward(model, network, objective, opponent, x0, label, noise, accumulate, autocast)
        grad_norm = clipped(parameters, clip_norm)
        if previous is not None:
            check_finite(previous)
        optimizer.step()
        ema.update(network)
        if opponent is not None:
            parts["discriminator"] = _teach(opponent, x0, made, label, clip_norm, autocast)
        previous = Metrics(step + 1, losses.mean(), grad_norm.detach(), rate, parts)
        yield previous


def _noise(network: Autoencoder, x0: Tensor, generator: torch.Generator, rank: int, ranks: int) -> Tensor:
    """What the bottleneck draws, for the global batch; this process holds its rows rank, rank + ranks, …"""
    size = network.latent_shape(x0.shape[1:])[1:]
    return network.bottleneck.noise(len(x0) * ranks, size, generator, slice(rank, None, ranks))


def _backward(
    model: nn.Module,
    network: Autoencoder,
    objective: Objective,
    opponent: Adversary | None,
    x0: Tensor,
    label: Tensor | None,
    noise: Tensor,
    accumulate: int,
    autocast: Callable[[], AbstractContextManager],
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Gradients of the mean loss of a batch, in `accumulate` passes.

    Returns the losses without the adversary (B,), the means of their parts and the reconstructions, all detached.
    """
    size = len(x0)
    if accumulate < 1 or size % accumulate:
        raise ValueError(f"train.accumulate={accumulate} must divide the batch of {size} examples per process")
    done, made, sums = [], [], dict[str, Tensor]()
    for rows in torch.arange(size, device=x0.device).chunk(accumulate):
        some = None if label is None else label[rows]
        with autocast():
            x_hat, coded = model(x0[rows], noise[rows], some)
        error, cost, parts = objective(x_hat, x0[rows], coded)
        total = (error + cost).sum() / size
        if opponent is not None:
            with autocast():
                verdict = opponent.judge(x_hat, x0[rows], some)
            balance = adaptive_weight(error.mean(), verdict.generator.mean(), network.last)
            added = opponent.weight * balance * verdict.generator + opponent.features * verdict.features
            total = total + added.sum() / size
            parts |= {"adversarial": verdict.generator.mean().detach(), "features": verdict.features.mean().detach()}
            parts["adaptive_weight"] = balance
        total.backward()
        done.append((error + cost).detach())
        made.append(x_hat.detach().float())
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + value / accumulate
    return torch.cat(done), sums, torch.cat(made)


def _teach(
    opponent: Adversary,
    x0: Tensor,
    made: Tensor,
    label: Tensor | None,
    clip_norm: float,
    autocast: Callable[[], AbstractContextManager],
) -> Tensor:
    """One step of the discriminator; returns its loss."""
    opponent.optimizer.zero_grad(set_to_none=True)
    with autocast():
        loss = opponent.learn(made, x0, label)
    clipped(opponent.panel.parameters(), clip_norm)
    opponent.optimizer.step()
    return loss
