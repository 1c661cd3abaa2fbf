"""One sitting of a training: steps until the budget is used or someone interrupts, with log, checkpoints and sheets."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from core.training.distributed import World
from core.training.fit import Conditioned, Metrics, check_finite
from tools import run_folder
from tools.evaluation.during import Quality
from tools.interrupt import Interrupt
from tools.progress import Progress
from tools.schema import Checkpoint
from tools.stage import Stage

LOOKED, LONG, FEW = 10, 5, 500
"""After so many steps of a training of at least so many minutes it is said where these hold fewer steps than this."""


def sit(training: Stage, batches: Iterable[Conditioned], bar: Progress, interrupt: Interrupt) -> None:
    """Train; log every `log.every` steps; save as `checkpoint` says and at the end, which also draws a sheet."""
    recipe, world, run = training.recipe, training.world, Path(training.recipe.run)
    log = run_folder.Log(run, training.counters.step) if world.first else None
    window, saves, quality = Window(world), Due(recipe.checkpoint), Quality(training, bar.note)
    look = training.counters.step + LOOKED
    for metrics in training.run(batches):
        window.add(metrics)
        bar.update(metrics.step, loss=metrics.loss)
        if metrics.step == look and (line := few(training)):
            bar.note(line)
        if metrics.step % recipe.log.every == 0:
            entry = window.close(metrics, training.seconds(), recipe.train.batch)
            if log:
                log.write(entry)
        if recipe.posthoc.every and metrics.step % recipe.posthoc.every == 0:
            snapshot(training, metrics)
        if world.any(interrupt.asked):
            interrupt.asked = True
            break
        if world.any(saves.now(metrics.step)):
            save(training, metrics)
        if recipe.sample.every and metrics.step % recipe.sample.every == 0:
            sheet(training)
        window.since += quality(metrics.step)
    if training.counters.step and window.last is not None:
        save(training, window.last)
    if not interrupt.asked:
        sheet(training)
        training.finish(bar.note)


def few(training: Stage) -> str | None:
    """A line for who will wait in vain: the steps that the clock leaves time for; None where they are enough."""
    limits, step = training.recipe.train, training.counters.step
    if limits.steps is not None or limits.minutes is None or limits.minutes < LONG or training.recipe.compile:
        return None
    pace = training.seconds() / step
    steps = 60 * limits.minutes / pace
    if steps >= FEW:
        return None
    return (
        f"at {pace:.3g} s a step {limits.minutes:g} minutes hold {steps:.0f} steps, which are few: "
        "a smaller media.size, network.width or train.batch makes them more, and so does a GPU"
    )


class Window:
    """The steps since the last line of the log. Losses stay on the device until the line is written."""

    def __init__(self, world: World) -> None:
        self.world, self.last = world, None
        self._open()

    def _open(self) -> None:
        self.losses: list[torch.Tensor] = []
        self.parts: dict[str, list[torch.Tensor]] = {}
        self.since = time.monotonic()

    last: Metrics | None

    def add(self, metrics: Metrics) -> None:
        self.last = metrics
        self.losses.append(metrics.loss)
        for name, value in metrics.parts.items():
            self.parts.setdefault(name, []).append(value)

    def close(self, metrics: Metrics, seconds: float, batch: int) -> dict[str, Any]:
        """The line of the log: the loss and its parts, means over the window and all processes; examples per second."""
        elapsed = max(time.monotonic() - self.since, 1e-9)
        entry = {
            "step": metrics.step,
            "loss": self._mean(self.losses),
            **{name: self._mean(values) for name, values in self.parts.items()},
            "grad_norm": float(metrics.grad_norm),
            "learning_rate": metrics.learning_rate,
            "seconds": round(seconds, 3),
            "examples_per_second": round(batch * len(self.losses) / elapsed, 2),
        }
        self._open()
        return entry

    def _mean(self, values: list[torch.Tensor]) -> float:
        return float(self.world.mean(torch.stack(values).mean()))


class Due:
    """When the next checkpoint is due: every so many steps, or minutes since the last one."""

    def __init__(self, options: Checkpoint) -> None:
        self.options, self.saved = options, time.monotonic()

    def now(self, step: int) -> bool:
        by_step = self.options.every is not None and step % self.options.every == 0
        by_clock = self.options.minutes is not None and time.monotonic() - self.saved >= 60 * self.options.minutes
        if by_step or by_clock:
            self.saved = time.monotonic()
        return by_step or by_clock


def save(training: Stage, metrics: Metrics) -> None:
    """A checkpoint, unless the last step spoiled the weights: then NonFiniteLoss, and the one before stays the last."""
    check_finite(metrics)
    if training.world.first:
        training.save()
    training.world.barrier()


def snapshot(training: Stage, metrics: Metrics) -> None:
    """The tracked averages of this moment, unless the last step spoiled the weights: see `save`."""
    check_finite(metrics)
    if training.world.first:
        training.snapshot()


def sheet(training: Stage) -> None:
    """What the averaged weights can do, in `samples/step-…` of the run."""
    step = f"step-{training.counters.step:08d}"
    training.sheet(Path(training.recipe.run) / "samples" / step, checkpoint=step)
