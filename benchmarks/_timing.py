"""Interleaved timing: every candidate once per round, so that a slow minute of the machine hits all alike."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def interleaved(steps: Mapping[str, Callable[[], None]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds of each step over `rounds`, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            wait(device)
            start = time.perf_counter()
            step()
            wait(device)
            if round_:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_mib(step: Callable[[], None], device: torch.device) -> float:
    """Most memory in use during one step, in MiB; nan on a CPU, where nothing counts it."""
    if device.type != "cuda":
        return float("nan")
    torch.cuda.reset_peak_memory_stats(device)
    step()
    wait(device)
    return torch.cuda.max_memory_allocated(device) / 2**20
