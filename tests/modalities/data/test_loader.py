"""The loader: order, workers, errors, and what it leaves behind."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from modalities.data.example import Example
from modalities.data.loader import Draw, batches, prefetch
from modalities.image.synthetic import Synthetic


@dataclass(frozen=True)
class Noise:
    """A source whose media is all chance, of two shapes; some items raise or stand in for others."""

    length: int = 1000
    bad: int = 0
    broken: int = -1
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.length

    def read(self, index: int, generator: torch.Generator) -> Example:
        if index == self.broken:
            raise ValueError(f"item {index} is beyond repair")
        if index == self.length - 1:
            time.sleep(0.2)  # the slowest worker comes last and must not change the order
        media = torch.randint(0, 255, (1, 3 + index % 2), generator=generator, dtype=torch.uint8)
        bad = (f"{index}.png: broken",) if index < self.bad else ()
        return Example(media, label=index, name=str(os.getpid()), bad=bad)


def draws(count: int, size: int, start: int = 0) -> Iterator[list[Draw]]:
    for step in range(start, count):
        yield [Draw((7 * (step * size + i)) % 1000, 100 + step * size + i) for i in range(size)]


def content(batch: object) -> list[object]:
    return [batch.labels.tolist()] + [  # type: ignore[attr-defined]
        (g.rate, g.places.tolist(), g.media.tolist())
        for g in batch.groups  # type: ignore[attr-defined]
    ]


def test_order_and_content_do_not_depend_on_the_number_of_workers() -> None:
    here = [content(b) for b in batches(Noise(), draws(150, 4))]
    for workers in (1, 3):
        assert [content(b) for b in batches(Noise(), draws(150, 4), workers=workers)] == here


def test_starting_later_gives_the_same_batches() -> None:
    every = [content(b) for b in batches(Noise(), draws(12, 3))]
    assert [content(b) for b in batches(Noise(), draws(12, 3, start=5), workers=2)] == every[5:]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_global_generator_is_left_alone(workers: int) -> None:
    before = torch.get_rng_state()
    list(batches(Noise(), draws(3, 2), workers=workers))
    assert torch.equal(torch.get_rng_state(), before)


def test_endless_draws_are_read_only_a_little_ahead() -> None:
    taken = []

    def endless() -> Iterator[list[Draw]]:
        while True:
            taken.append(1)
            yield [Draw(len(taken) % 1000, 0)]

    ready = batches(Noise(), endless(), workers=2, prefetch=2)
    for _ in range(5):
        next(ready)
    ready.close()
    assert len(taken) <= 5 + 2 * 2 + 1


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_the_source_s_own_one_line(workers: int) -> None:
    with pytest.raises(ValueError, match=r"^item 14 is beyond repair$"):
        list(batches(Noise(broken=14), draws(10, 2), workers=workers))


def test_bad_files_are_named_until_they_are_too_many() -> None:
    named = [name for batch in batches(Noise(bad=8), draws(250, 4), workers=2) for name in batch.bad]
    assert sorted(named) == sorted(f"{i}.png: broken" for i in range(8))
    assert len(list(batches(Noise(bad=10), draws(500, 4)))) == 500  # two epochs: the same ones are counted once
    with pytest.raises(ValueError, match=r"^11 of 1000 files cannot be used \(more than 1 %\): .*png: broken.*; …$"):
        list(batches(Noise(bad=11), draws(250, 4), workers=1))


def test_workers_end_with_the_iterator_and_ignore_ctrl_c() -> None:
    ready = batches(Noise(), draws(400, 2), workers=2)
    pids = {int(name) for _ in range(8) for name in next(ready).names}
    assert len(pids) == 2
    assert os.getpid() not in pids
    for pid in pids:
        os.kill(pid, signal.SIGINT)
    later = [next(ready) for _ in range(40)]
    assert {int(name) for batch in later for name in batch.names} == pids
    ready.close()  # type: ignore[attr-defined]
    assert not pids & {child.pid for child in multiprocessing.active_children()}


KILLED = """
import multiprocessing, os, signal, torch
from modalities.data.example import Example
from modalities.data.loader import Draw, batches

class Wordy:
    classes = ()
    def __len__(self): return 1000
    def read(self, index, generator):  # a pipe holds less than such a caption
        return Example(torch.zeros(1, 2, 2, dtype=torch.uint8), caption="x" * 1_000_000)

ready = batches(Wordy(), ([Draw(i, i)] for i in range(1000)), workers=2)
next(ready)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_parent_that_is_killed_leaves_no_workers_behind() -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in done.stdout.split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody has asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_dropping_the_iterator_ends_the_workers() -> None:
    ready = batches(Noise(), draws(400, 2), workers=1)
    next(ready)
    del ready
    gc.collect()
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count open files")
def test_kept_batches_hold_no_file_descriptors() -> None:
    ready = batches(Noise(), draws(300, 2), workers=1)
    kept = [next(ready)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    kept += list(ready)
    assert len(kept) == 300
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_prefetch_passes_through_on_a_cpu() -> None:
    source = Synthetic(size=16)
    plain = [b.groups[0].media for b in batches(source, draws(3, 4))]
    moved = [b.groups[0].media for b in prefetch(batches(source, draws(3, 4)), "cpu")]
    assert all(torch.equal(a, b) for a, b in zip(plain, moved, strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_prefetch_copies_ahead_to_a_gpu() -> None:
    source = Synthetic(size=16)
    plain = [b.groups[0].media for b in batches(source, draws(30, 64))]
    ahead = prefetch(batches(source, draws(30, 64), workers=2, pin_memory=True), "cuda")
    on_gpu = []
    for batch in ahead:
        busy = torch.randn(2048, 2048, device="cuda")
        for _ in range(10):
            busy = busy @ busy.tanh()  # work on the main stream, during which the next batch arrives
        on_gpu.append(batch.groups[0].media.clone())
        assert batch.labels.device.type == "cuda"
    assert all(torch.equal(a, b.cpu()) for a, b in zip(plain, on_gpu, strict=True))
