"""What training is fed: encoded batches and what they are conditioned on, in the order that (seed, step) gives."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from core.training.distributed import World
from core.training.fit import Conditioned
from core.training.order import data_order
from core.training.seeds import generator_of
from modalities.data.example import Source
from modalities.data.loader import batches, prefetch
from modalities.modality import Modality
from tools import build
from tools.schema import Recipe

AUGMENTATION = 1
"""Last word of the seed of augmentations, so that they share no random numbers with the noise of the same step."""
CONDITION = 4
"""That of what is random in conditions: which part of a clip is known, say."""


def feed(
    recipe: Recipe, source: Source, media: Modality, world: World, start: int, say: Callable[[str], None]
) -> Iterator[Conditioned]:
    """`(x0, cond)` for steps `start`, `start + 1`, …; each file that could not be read is named once through `say`."""
    kinds = build.conditions(recipe, media)
    draws = data_order(
        len(source), recipe.train.batch, seed=recipe.seed, start=start, rank=world.rank, ranks=world.size
    )
    on_gpu = world.device.type == "cuda"
    loaded = batches(source, draws, workers=workers(recipe.data.workers, on_gpu), pin_memory=on_gpu)
    named: set[str] = set()
    for step, batch in enumerate(prefetch(loaded, world.device), start):
        for name in set(batch.bad) - named:
            say(f"skipped an unreadable file: {name}")
            named.add(name)
        generator = generator_of(recipe.seed, step, world.rank, AUGMENTATION, device=world.device)
        x0 = media.encode(media.prepare(batch, generator))
        if batch.partner is not None:  # prepared by the same random numbers as the example that it belongs to
            generator = generator_of(recipe.seed, step, world.rank, AUGMENTATION, device=world.device)
            batch = replace(batch, reference=media.encode(media.prepare(batch.partner, generator)))
        cond = {"label": batch.labels} if recipe.data.class_conditional else {}
        generator = generator_of(recipe.seed, step, world.rank, CONDITION, device=world.device)
        yield x0, cond | {name: kind.of(batch, x0, generator) for name, kind in kinds.items()} or None


def workers(asked: int | None, on_gpu: bool) -> int:
    """Decoding processes: as asked; else one beside a CPU training, which needs the cores itself, up to 8 for a GPU."""
    if asked is not None:
        return asked
    return min(8, max(1, (os.cpu_count() or 1) - 1)) if on_gpu else 1
