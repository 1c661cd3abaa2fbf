"""The training loop, as a generator of metrics: who consumes it decides on logs, checkpoints, clocks and when to stop.

    for metrics in fit(denoiser, network, batches, objective, optimizer, ...):
        if metrics.step == 1000: break

Step k draws its randomness from `(seed, k)`, so a loop that starts at step k with the state that step k left
continues exactly as if it had never stopped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.condition import Condition, of_rows
from core.denoiser import Denoiser
from core.ema import EMA
from core.training.distributed import average
from core.training.objective import Drawn, Objective
from core.training.seeds import generator_of
from core.training.update import clipped, set_rate

Conditioned = tuple[Tensor, Condition]
"""A batch for training: x0 (B, *event) on the device, and its condition."""


class Metrics(NamedTuple):
    """After `step` completed steps: mean loss and gradient norm as () tensors on the device, learning rate; and the
    parts of the loss, where it has some that are worth a place in the log."""

    step: int
    loss: Tensor
    grad_norm: Tensor
    learning_rate: float
    parts: Mapping[str, Tensor] = MappingProxyType({})


class NonFiniteLoss(ArithmeticError):
    """The loss or its gradient is no longer a number; the message names the step."""


def fit(
    denoiser: Denoiser,
    network: nn.Module,
    batches: Iterable[Conditioned],
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    *,
    ema: EMA,
    learning_rate: Callable[[int], float],
    seed: int,
    start: int = 0,
    rank: int = 0,
    ranks: int = 1,
    accumulate: int = 1,
    clip_norm: float = 1.0,
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    progress: Callable[[], float] = lambda: 0.0,
) -> Iterator[Metrics]:
    """Train without end; yields after each optimiser step. `learning_rate(step)` is asked before step `step` (from 0).

    `network` is the bare module whose parameters are trained and averaged; `denoiser.network` may wrap it (compiled,
    distributed). What the objective itself learns
    (`objective.modules`) is trained where the optimizer was given it, and its gradients are not clipped. `accumulate`
    splits each batch into that many passes with the same gradient as one. `progress()` in [0, 1] is for losses that
    change with the training.

    Raises `NonFiniteLoss` one step late on purpose: the check of step k runs while step k + 1 is queued, so that a GPU
    never waits for it. A consumer that saves weights therefore calls `check_finite` first.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    previous: Metrics | None = None
    for step, (x0, cond) in enumerate(batches, start):
        rate = learning_rate(step)
        set_rate(optimizer, rate)
        generator = generator_of(seed, step, device=x0.device)
        optimizer.zero_grad(set_to_none=True)
        now = objective.at(progress)
        drawn = now.draw(denoiser.schedule, x0, cond, generator, rank=rank, ranks=ranks, step=step)
        losses = _backward(denoiser, now, x0, drawn, accumulate, autocast)
        objective.observe(drawn, losses)
        average(p.grad for p in objective.modules.parameters() if p.grad is not None)
        grad_norm = clipped(parameters, clip_norm)
        if previous is not None:
            check_finite(previous)
        optimizer.step()
        ema.update(network)
        previous = Metrics(step + 1, losses.sum() / len(losses), grad_norm.detach(), rate)
        yield previous


def check_finite(metrics: Metrics) -> None:
    """Raise `NonFiniteLoss` where the loss or gradient norm of that step is not a finite number."""
    if not (torch.isfinite(metrics.loss) & torch.isfinite(metrics.grad_norm)):
        raise NonFiniteLoss(
            f"step {metrics.step}: loss {float(metrics.loss)}, gradient norm {float(metrics.grad_norm)}; training "
            "stopped and the last good checkpoint is kept (a lower optimizer.lr or precision=fp32 may help)"
        )


def _backward(
    denoiser: Denoiser,
    objective: Objective,
    x0: Tensor,
    drawn: Drawn,
    accumulate: int,
    autocast: Callable[[], AbstractContextManager],
) -> Tensor:
    """Gradients of the mean loss of a batch, in `accumulate` passes; returns the losses (B,), detached.

    Times and noise are drawn before the split, which therefore changes rounding only.
    """
    size, device = len(x0), x0.device
    if accumulate < 1 or size % accumulate:
        raise ValueError(f"train.accumulate={accumulate} must divide the batch of {size} examples per process")
    done = []
    for rows in torch.arange(size, device=device).chunk(accumulate):
        some = of_rows(drawn.cond, rows)
        with autocast():
            to = None if drawn.to is None else drawn.to[rows]
            losses = objective(denoiser, x0[rows], drawn.t[rows], drawn.eps[rows], some, drawn.weight[rows], to)
        (losses.sum() / size).backward()
        done.append(losses.detach())
    return torch.cat(done)
