"""Writing a cache of latents: shard by shard, so that a kill loses at most one of them per process.

A shard is written under a temporary name and renamed, then the index beside it, which holds its checksum; see
`modalities.latents.cache` for the layout. A second start keeps what is whole and writes the rest: the same bytes.
"""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.training.distributed import World
from core.training.order import Draw
from core.training.seeds import seed_of
from modalities.data.batch import Batch
from modalities.data.example import Source
from modalities.data.loader import batches, prefetch
from modalities.latents import cache
from modalities.latents.media import LatentMedia
from modalities.writing import atomic, write_bytes
from tools.feed import workers
from tools.schema import Recipe

HEADER = 512
"""Bytes before the data of a tar member with a short name."""


@dataclass(frozen=True)
class Plan:
    """What is written: `crops` readings of each example, `dtype` float32 or float16, `shard` examples to a file."""

    out: Path
    crops: int = 1
    dtype: torch.dtype = torch.float32
    shard: int = 1024


def write(
    recipe: Recipe,
    media: LatentMedia,
    source: Source,
    plan: Plan,
    world: World,
    *,
    say: Callable[[str], None],
    done: Callable[[int], None],
) -> None:
    """Encode `source` into `plan.out`; `done(k)` is told that about k examples are. Processes share the shards.

    Raises ValueError where `out` holds other files, or a cache of something else.
    """
    facts = described(recipe, media, source, plan)
    if world.first:
        claim(plan.out, facts, recipe.data.split)
    world.barrier()
    count = facts.splits[recipe.data.split]["shards"]
    encoded = 0
    named: set[str] = set()
    for number in range(world.rank, count, world.size):
        examples = range(number * plan.shard, min(len(source), (number + 1) * plan.shard))
        if not whole(plan.out, cache.shard_name(recipe.data.split, number)):
            rows = latents(recipe, media, source, plan, examples, world.device, lambda name: tell(name, named, say))
            write_shard(plan.out, cache.shard_name(recipe.data.split, number), examples[0] * plan.crops, rows)
        encoded += len(examples)
        done(min(len(source), encoded * world.size))
    world.barrier()


def tell(name: str, named: set[str], say: Callable[[str], None]) -> None:
    """Name an unreadable file once; the next readable one stands in for it, as in training."""
    if name not in named:
        say(f"skipped an unreadable file: {name}")
        named.add(name)


def described(recipe: Recipe, media: LatentMedia, source: Source, plan: Plan) -> cache.Facts:
    """What `cache.json` will say."""
    code = next(code for code, dtype in cache.DTYPES.items() if dtype == plan.dtype)
    shards = -(-len(source) // plan.shard)
    split = {"examples": len(source), "shards": shards, "shard": plan.shard, "classes": list(source.classes)}
    return cache.Facts(
        fingerprint=media.fingerprint,
        modality=media.name,
        media=dict(recipe.media),
        latent_shape=list(media.event_shape),
        dtype=code,
        flip=bool(recipe.media.get("flip", False)),
        crops=plan.crops,
        splits={recipe.data.split: split},
    )


def claim(out: Path, facts: cache.Facts, split: str) -> None:
    """Make the folder ready, with `cache.json` in it. Raises ValueError where it holds something else."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"out={out} is a file, not a folder")
    if cache.is_cache(out):
        there = cache.read_facts(out)
        for name in ("fingerprint", "modality", "media", "latent_shape", "dtype", "flip", "crops"):
            if getattr(there, name) != getattr(facts, name):
                was, says = getattr(there, name), getattr(facts, name)
                raise ValueError(f"out={out} is a cache of {name}={was}, this command says {says}: choose another out=")
        if there.splits.get(split, facts.splits[split]) != facts.splits[split]:
            raise ValueError(
                f"out={out} holds the {split} split of other data, or in other shards: choose another out="
            )
        facts = facts._replace(splits=there.splits | facts.splits)
        for left_over in out.glob(".*.part.*"):  # of a kill in the middle of a shard
            left_over.unlink()
    elif out.is_dir() and any(out.iterdir()):
        raise ValueError(f"out={out} holds other files: choose an empty or a new folder")
    write_bytes((json.dumps(facts._asdict(), indent=1) + "\n").encode(), out / cache.NAME)


def whole(out: Path, name: str) -> bool:
    """Whether a shard is there, and every byte of it as it was written."""
    try:
        index = json.loads((out / f"{name}.json").read_text())
        return cache.checksum(out / f"{name}.tar") == index["sha256"]
    except (OSError, ValueError, KeyError):
        return False


Row = tuple[Tensor, dict[str, Any]]
"""Latents (views, c, *size) of one reading of an example, and what its metadata say."""


@torch.inference_mode()
def latents(
    recipe: Recipe,
    media: LatentMedia,
    source: Source,
    plan: Plan,
    examples: range,
    device: torch.device,
    bad: Callable[[str], None],
) -> Iterator[Row]:
    """The rows of a shard, all crops of an example one after the other."""
    draws = [Draw(i, seed_of(recipe.seed, i, crop)) for i in examples for crop in range(plan.crops)]
    size = recipe.train.batch
    parts = [draws[a : a + size] for a in range(0, len(draws), size)]
    on_gpu = device.type == "cuda"
    loaded = batches(source, parts, workers=workers(recipe.data.workers, on_gpu), pin_memory=on_gpu)
    for batch in prefetch(loaded, device):
        for name in batch.bad:
            bad(name)
        x0 = media.media.encode(media.media.prepare(batch, None))
        views = [media.latents(x0)]
        if recipe.media.get("flip", False):
            views.append(media.latents(x0.flip(-1)))  # the last axis of pictures and clips is the width
        z = torch.stack(views, dim=1).to(plan.dtype).cpu()
        yield from ((z[i], metadata(batch, i)) for i in range(len(batch)))


def metadata(batch: Batch, i: int) -> dict[str, Any]:
    """Label, caption, name and further values of one example, as a .json of the WebDataset convention holds them."""
    values = {name: column[i] for name, column in batch.values.items() if column[i] is not None}
    return {"label": int(batch.labels[i]), "caption": batch.captions[i], "name": batch.names[i], "values": values}


def write_shard(out: Path, name: str, first: int, rows: Iterator[Row]) -> None:
    """`NAME.tar` with members from number `first` on, then `NAME.json`."""
    offsets: list[int] = []
    facts: list[dict[str, Any]] = []
    size = 0
    with atomic(out / f"{name}.tar") as draft:
        with tarfile.open(draft, "w", format=tarfile.USTAR_FORMAT) as tar:
            for number, (latent, about) in enumerate(rows, first):
                data = cache.npy(latent)
                offsets.append(tar.offset + HEADER)
                size = len(data)
                add(tar, f"{number:09d}.npy", data)
                add(tar, f"{number:09d}.json", json.dumps(flat(about)).encode())
                facts.append(about)
        sha256, length = cache.checksum(draft), draft.stat().st_size
    columns = {f"{key}s": [about[key] for about in facts] for key in ("label", "caption", "name")}
    index = {"sha256": sha256, "bytes": length, "size": size, "offsets": offsets, **columns}
    index["values"] = [about["values"] for about in facts]
    write_bytes((json.dumps(index) + "\n").encode(), out / f"{name}.json")


def flat(about: dict[str, Any]) -> dict[str, Any]:
    """The metadata as one level of keys; an example without a label or a caption has none."""
    kept = {key: about[key] for key in ("label", "caption", "name") if about[key] not in (-1, "")}
    return about["values"] | kept


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """A member without owner or time, so that the same latents give the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
