"""What training is fed: encoded batches on the device, in the order that (seed, step) gives."""

from collections.abc import Callable, Iterator

import torch

from core.training.distributed import World
from core.training.fit import Conditioned
from core.training.order import data_order
from core.training.seeds import generator_of
from modalities.data.example import Source
from modalities.data.loader import batches, prefetch
from modalities.modality import Modality
from tools.schema import Recipe

AUGMENTATION = 1
"""Second word of the seed of augmentations, so that they share no random numbers with the noise of the same step."""


def feed(
    recipe: Recipe, source: Source, media: Modality, world: World, start: int, say: Callable[[str], None]
) -> Iterator[Conditioned]:
    """`(x0, cond)` for steps `start`, `start + 1`, …; each file that could not be read is named once through `say`."""
    draws = data_order(
        len(source), recipe.train.batch, seed=recipe.seed, start=start, rank=world.rank, ranks=world.size
    )
    loaded = batches(
        source, draws, workers=workers(recipe.data.workers, world.device), pin_memory=world.device.type == "cuda"
    )
    named: set[str] = set()
    for step, batch in enumerate(prefetch(loaded, world.device), start):
        for name in set(batch.bad) - named:
            say(f"skipped an unreadable file: {name}")
            named.add(name)
        generator = generator_of(recipe.seed, step, world.rank, AUGMENTATION, device=world.device)
        x0 = media.encode(media.prepare(batch, generator))
        yield x0, {"label": batch.labels} if recipe.data.class_conditional else None


def workers(asked: int | None, device: torch.device) -> int:
    """Reading processes: as asked; else one beside a CPU training, which needs the cores itself, and four for a GPU."""
    if asked is not None:
        return asked
    return 4 if device.type == "cuda" else 1
