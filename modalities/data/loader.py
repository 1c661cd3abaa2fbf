"""Batches from a source: decoded in worker processes, in the order of the draws, copied ahead to the device.

    draws -> (index, seed) -> worker: source.read(index, generator(seed)) -> Batch -> pinned memory -> device

The iterator of draws alone decides what is read and in which order, so training resumes anywhere by starting the draws
there, and neither the number of workers nor their pace changes a single example.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from core.training.order import Draw
from modalities.data.batch import Batch
from modalities.data.example import Example, Source, allowed_bad, too_many_bad

__all__ = ["Batch", "Draw", "batches", "prefetch"]

WATCH = 1.0
"""Seconds between looks of a worker at whether its parent is still there."""


class Failure(NamedTuple):
    """An error met in a worker, carried home as text: a re-raised one would drag a worker's traceback along."""

    kind: type[Exception]
    message: str


class Reader(Dataset[Any]):
    """`source` as the map-style dataset that worker processes index by lists of draws."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __getitems__(self, draws: Sequence[Draw]) -> list[Example] | Failure:
        generator = torch.Generator()
        try:
            return [self.source.read(index, generator.manual_seed(seed)) for index, seed in draws]
        except (ValueError, OSError) as error:
            return Failure(ValueError if isinstance(error, ValueError) else OSError, str(error))


def collate(examples: list[Example] | Failure) -> Batch | Failure:
    """A batch of what a worker read, or the reason why it could not."""
    return examples if isinstance(examples, Failure) else Batch.of(examples)


def batches(
    source: Source,
    draws: Iterable[Sequence[Draw]],
    *,
    workers: int = 0,
    pin_memory: bool = False,
    prefetch: int = 2,
) -> Iterator[Batch]:
    """One `Batch` per list of draws, in their order, for as long as there are draws.

    workers: decoding processes; 0 decodes here. prefetch: batches that each worker keeps ready. Workers end with the
    iterator: when it is exhausted, closed, or dropped. Raises ValueError when more than 1 % of the source's files turn
    out to be unreadable; until then they are replaced by the next readable one and named in `Batch.bad`.
    """
    loader = DataLoader(
        Reader(source),
        batch_sampler=draws,  # type: ignore[arg-type]  # any iterable of lists will do; these are never counted
        collate_fn=collate,
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=prefetch if workers else None,
        worker_init_fn=start_worker,
        generator=torch.Generator(),  # otherwise it draws a seed, that nothing here uses, from the global generator
    )
    with sigint_blocked():  # a Ctrl-C between the fork and start_worker would make the worker print a traceback
        ready = iter(loader)
    bad: dict[str, None] = {}
    try:
        while True:
            batch = next(ready, None)
            if batch is None:
                return
            if isinstance(batch, Failure):
                raise batch.kind(batch.message)
            bad.update(dict.fromkeys(batch.bad))
            if len(bad) > allowed_bad(len(source)):
                raise too_many_bad(list(bad), len(source))
            yield batch
    finally:
        del ready  # the last reference: joins the workers


def prefetch(source: Iterable[Batch], device: torch.device | str) -> Iterator[Batch]:
    """The batches on `device`; on a GPU the next one is copied on a side stream while the current one is in use."""
    device = torch.device(device)
    if device.type != "cuda":
        for batch in source:
            yield batch.to(device)
        return
    side = torch.cuda.Stream(device)
    ahead: Batch | None = None
    for batch in source:
        with torch.cuda.stream(side):
            copied = batch.to(device, non_blocking=True)
        done = side.record_event()
        if ahead is not None:
            yield ahead
        torch.cuda.current_stream(device).wait_event(done)
        copied.record_stream(torch.cuda.current_stream(device))
        ahead = copied
    if ahead is not None:
        yield ahead


def start_worker(worker: int) -> None:
    """Worker processes compute on one thread, leave Ctrl-C to the parent, and end when asked to, or with the parent."""
    torch.set_num_threads(1)
    threading.Thread(target=end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    warnings.filterwarnings("ignore", module="PIL")  # odd metadata in a picture that decodes is nobody's concern
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not a handler inherited from the parent, which only sets a flag


def end_with(parent: Any) -> None:
    """End this process once its parent is gone, killed perhaps: torch's own watch then waits for ever to hand over a
    batch that does not fit into the pipe."""
    while parent is not None and os.getppid() == parent.pid:
        time.sleep(WATCH)
    os._exit(1)


@contextlib.contextmanager
def sigint_blocked() -> Iterator[None]:
    """Hold SIGINT back from this thread and from the processes started here (the mask is inherited)."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
