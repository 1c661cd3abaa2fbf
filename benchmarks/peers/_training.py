"""The training of a peer for a time, with its own loss, optimiser and average; cut anywhere, it goes on."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, redirect_stderr
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from benchmarks.peers._peer import Peer, size
from core.ema import EMA
from core.training.order import data_order
from core.training.seeds import seed_of
from modalities.data.example import Source
from modalities.data.loader import batches, prefetch
from modalities.modality import Modality
from modalities.writing import atomic
from tools.evaluation.stream import Part
from tools.feed import workers

SAVE = 60.0
"""Seconds between states on the disk."""

Context = Callable[[], AbstractContextManager]


def trained(peer: Peer, media: Modality, source: Source, path: Path, *, seconds: float, seed: int) -> dict[str, Any]:
    """Train for `seconds` of wall-clock time in all; what it took. The average's weights are in `path` afterwards."""
    ema = EMA(peer.network, peer.average)
    step, spent = 0, 0.0
    if path.is_file():
        state = torch.load(path, weights_only=True)
        peer.network.load_state_dict(state["network"])
        ema.load_state_dict(state["ema"])
        peer.optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["seconds"]
    base = [group["lr"] for group in peer.optimizer.param_groups] if not step else state["rates"]
    examples = fed(media, source, peer.batch, seed, step)
    context = fastest(peer, next(fed(media, source, peer.batch, seed, 0)))
    begun = saved = time.monotonic()

    def used() -> float:
        return spent + time.monotonic() - begun

    def save() -> None:
        kept = {"network": peer.network.state_dict(), "ema": ema.state_dict(), "optimizer": peer.optimizer.state_dict()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as draft:
            torch.save(kept | {"step": step, "seconds": used(), "rates": base}, draft)

    while used() < seconds:
        x0, label = next(examples)
        torch.manual_seed(seed_of(seed, step))
        for group, rate in zip(peer.optimizer.param_groups, base, strict=True):
            group["lr"] = rate * peer.rate(step, used() / seconds)
        stepped(peer, x0, label, context)
        step += 1
        if step % peer.every == 0:
            ema.update(peer.network)
        if time.monotonic() - saved > SAVE:
            save()
            saved = time.monotonic()
    save()
    return {
        "steps": step,
        "seconds": round(used(), 1),
        "examples": step * peer.batch,
        "parameters": size(peer.network),
        "precision": "fp32" if context is nullcontext else "bf16",
        "sampling": peer.sampling,
    }


def fed(media: Modality, source: Source, batch: int, seed: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
    """x0 (batch, *event) in [-1, 1] and labels (batch,), from step `start` on: read as our own trainings read."""
    loaded = batches(source, data_order(len(source), batch, seed=seed, start=start), workers=workers(None, False))
    for found in prefetch(loaded, torch.device("cpu")):
        yield media.encode(media.prepare(found, None)), found.labels


def stepped(peer: Peer, x0: Tensor, label: Tensor, context: Context) -> None:
    """One optimiser step, the batch in `accumulate` passes."""
    peer.network.train()
    peer.optimizer.zero_grad(set_to_none=True)
    for rows in torch.arange(len(x0)).chunk(peer.accumulate):
        with context():
            loss = peer.loss(x0[rows], label[rows])
        (loss.float() * len(rows) / len(x0)).backward()
    if peer.clip_norm > 0:
        clip_grad_norm_(peer.network.parameters(), peer.clip_norm)
    peer.optimizer.step()


def fastest(peer: Peer, batch: tuple[Tensor, Tensor]) -> Context:
    """fp32, or bf16 autocast where a pass back and forth takes less time in it. Nothing is learned meanwhile."""

    able = torch.cpu.get_capabilities()
    if not (able.get("avx512_bf16") or able.get("amx_bf16")):
        return nullcontext  # emulated: many times slower
    times: dict[Context, float] = {}
    rows = slice(0, max(1, len(batch[0]) // peer.accumulate))
    for context in (nullcontext, bf16) * 2:
        started = time.monotonic()
        with context():
            loss = peer.loss(batch[0][rows], batch[1][rows])
        loss.backward()
        times[context] = time.monotonic() - started  # the second round counts: the first prepares kernels
    peer.optimizer.zero_grad(set_to_none=True)
    return min(times, key=lambda context: times[context])


def bf16() -> AbstractContextManager:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@torch.inference_mode()
def drawn(
    peer: Peer, media: Modality, path: Path, *, n: int, classes: int, batch: int, seed: int, precision: str
) -> Iterator[Part]:
    """n samples of the averaged weights, the classes in turn where it knows them, as the stream of an evaluation.

    precision: «bf16» where that was the faster one in training.
    """
    context = bf16 if precision == "bf16" else nullcontext
    averaged = EMA(peer.network, peer.average)
    averaged.load_state_dict(torch.load(path, weights_only=True)["ema"])
    for first in range(0, n, batch):
        torch.manual_seed(seed_of(seed, first))
        numbers = torch.arange(first, min(first + batch, n))
        label = numbers % max(classes, 1)
        with redirect_stderr(io.StringIO()), context():  # their bars, one per batch
            x0 = peer.sample(averaged.module, label)
        asked = label if peer.conditional else torch.full_like(label, -1)
        yield Part(numbers, media.decode(x0.float().clamp(-1, 1)), asked)
