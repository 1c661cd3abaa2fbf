"""What a peer is to the benchmark, and how its width is chosen: as wide as our number of parameters allows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import Tensor, nn, optim


@dataclass(frozen=True)
class Task:
    """What is to be learned. steps: sampling steps in place of those that the peer's documentation names."""

    event_shape: tuple[int, ...]
    classes: int
    parameters: int
    steps: int | None = None


@dataclass
class Peer:
    """loss(x0 (B, *event) in [-1, 1], label (B,)) -> (), by `network`; sample(network, label) -> x0 (B, *event).

    average(n) is the weight of the past in the n-th update of the average, one per `every` optimiser steps; rate(step,
    share of the time) is the factor of the learning rate.
    """

    network: nn.Module
    optimizer: optim.Optimizer
    loss: Callable[[Tensor, Tensor], Tensor]
    sample: Callable[[nn.Module, Tensor], Tensor]
    batch: int
    conditional: bool
    sampling: str
    accumulate: int = 1
    clip_norm: float = 1.0
    every: int = 1
    average: Callable[[int], float] = field(default=lambda n: 0.999)
    rate: Callable[[int, float], float] = field(default=lambda step, share: 1.0)


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def widest(make: Callable[[int], nn.Module], widths: Iterable[int], most: int) -> nn.Module:
    """The network of the largest width with at most `most` parameters; the narrowest where all have more."""
    best: nn.Module | None = None
    for width in widths:
        network = make(width)
        if best is not None and size(network) > most:
            break
        best = network
    assert best is not None
    return best


def warmed(beta: float, power: float, *, start: int = 0, every: int = 1) -> Callable[[int], float]:
    """1 - (1 + steps - start)^-power, at most beta, and 0 up to `start`, where one of `every` steps is an update.

    The rule of diffusers (every step) and of ema-pytorch, which counts optimiser steps, not updates.
    """
    return lambda n: min(beta, 1 - (1 + every * n - start) ** -power) if every * n > start else 0.0
