"""Several processes under torchrun, or one without it: the same calls either way.

with processes(device) as world:
    network = world.wrap(network)
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process among `size`; `rank` 0 writes files and speaks."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """`network` with gradients averaged over the processes; the network itself where there is one process."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, device_ids=[self.device] if self.device.type == "cuda" else None)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a () tensor over all processes."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.size
        return value

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any process: so that all of them stop after the same step."""
        if self.size == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return bool(value)

    def agreed(self, value: float) -> float:
        """The first process's number, on every process: their clocks differ, their decisions must not."""
        if self.size == 1:
            return value
        box = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.broadcast(box, src=0)
        return float(box)

    def gathered(self, value: Any) -> list[Any]:
        """The values of all processes, in the order of their ranks, on the first process; empty on the others."""
        if self.size == 1:
            return [value]
        box: list[Any] = [None] * self.size
        dist.gather_object(value, box if self.first else None)
        return box if self.first else []

    def shared(self, value: Any) -> list[Any]:
        """The values of all processes, in the order of their ranks, on every process."""
        if self.size == 1:
            return [value]
        box: list[Any] = [None] * self.size
        dist.all_gather_object(box, value)
        return box

    def barrier(self) -> None:
        if self.size > 1:
            dist.barrier()


def everyone(rows: Tensor) -> Tensor:
    """The rows (n, ...) of all processes on each of them, in the order of the global batch.

    Process r of R holds its rows r, r + R, ...; where there is one, the result is `rows` itself.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    box = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(box, rows.contiguous())
    return torch.stack(box, 1).flatten(0, 1)


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over all processes, in place."""
    if dist.is_available() and dist.is_initialized():
        for tensor in tensors:
            dist.all_reduce(tensor)
            tensor /= dist.get_world_size()


@contextmanager
def processes(device: torch.device) -> Iterator[World]:
    """Join the processes that torchrun started (its environment variables say so), and leave them at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(0, 1, device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
