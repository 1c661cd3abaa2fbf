"""Teaching the classifier: labels, and what was done to half of every batch.

Labels are learned on damaged examples too, but for pictures whose halves were swapped: what can still be recognised
under noise shall be, and that there is noise stays visible by the other task.

Everything follows from the seed and from the examples in their order, on the CPU, so that the same data give the same
network: bit for bit with one number of threads on one machine, and to rounding elsewhere.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from modalities.features.classifier import Classifier
from modalities.features.pretext import KINDS, damage
from modalities.features.views import View

STEPS, RATE, SMOOTHING, SHIFT = 400, 3e-3, 0.05, 2
"""Optimiser steps, highest learning rate, label smoothing, positions by which maps are moved."""

BATCH = {2: 64, 3: 32}
"""Examples per step, by rank."""


def learn(
    view: View,
    x: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    *,
    steps: int = STEPS,
    seed: int = 0,
    name: str = "classifier",
) -> Classifier:
    """A network taught from maps x (N, C, *axes), float16 will do, and their labels (N,), -1 for none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(view, x.shape[1], classes, name)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.15)
    order = torch.empty(0, dtype=torch.int64)
    batch = BATCH[view.rank]
    for _ in range(steps):
        while len(order) < batch:
            order = torch.cat([order, torch.randperm(len(x), generator=generator)])
        some, order = order[:batch], order[batch:]
        loss = _loss(network, _moved(x[some].float(), generator), labels[some], generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def _loss(network: Classifier, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Cross-entropy of the damages, and of the labels where they can be seen."""
    names = KINDS[x.ndim - 2]
    kinds = torch.randint(len(names), (len(x),), generator=generator)
    kinds[: len(x) // 2] = 0
    _, logits, damages = network.see(damage(x, kinds, generator))
    loss = cross_entropy(damages, kinds)
    known = labels >= 0
    if "halves swapped" in names:
        known &= kinds != names.index("halves swapped")
    if logits is not None and known.any():
        loss = loss + cross_entropy(logits[known], labels[known], label_smoothing=SMOOTHING)
    return loss


def _moved(x: Tensor, generator: torch.Generator) -> Tensor:
    """The batch moved along its last axis by up to `SHIFT`: of a picture to the side, of a spectrogram in time."""
    return x.roll(int(torch.randint(-SHIFT, SHIFT + 1, (), generator=generator)), -1)
