"""Still images among clips: part of each batch is heaps of T stills, which the network sees without time between them.

Images are cheaper and more varied than clips; a video model that also learns from them draws better frames (Ho et al.
2022, «Video Diffusion Models», sec. 3.1). The stills are the images under `data.stills_path`, or, where none is given,
frames of the batch's own clips, shuffled. A heap has neither label nor conditions: those are the clips'.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import modalities.modality
from core.condition import dropped
from core.training.distributed import World
from core.training.fit import Conditioned
from core.training.order import data_order
from core.training.seeds import generator_of
from modalities.data.loader import batches, prefetch
from tools.schema import Recipe

SHUFFLE = 2
"""Second word of the seed of the shuffled frames, beside that of the noise and of the augmentation."""


def mixed(fed: Iterator[Conditioned], recipe: Recipe, world: World, start: int) -> Iterator[Conditioned]:
    """The batches of clips with the last `data.stills` share of rows turned into heaps, named in `cond["stills"]`.

    Raises ValueError where the share leaves no row of a batch to the clips.
    """
    rows = round(recipe.data.stills * recipe.train.batch / world.size)
    if rows * world.size >= recipe.train.batch:
        raise ValueError(f"data.stills={recipe.data.stills} leaves no clip in a batch of {recipe.train.batch}")
    images = image_stills(recipe, world, start, rows) if recipe.data.stills_path else None
    for step, (x0, cond) in enumerate(fed, start):
        clips = len(x0) - rows
        heaps = next(images) if images else shuffled(x0, rows, generator_of(recipe.seed, step, world.rank, SHUFFLE))
        is_still = torch.arange(len(x0), device=x0.device) >= clips
        of_clips = {name: dropped(rows, is_still) for name, rows in (cond or {}).items()}
        yield torch.cat([x0[:clips], heaps]), {**of_clips, "stills": is_still}


def shuffled(x0: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """`rows` heaps of frames drawn from the clips (B, C, T, H, W) without regard to clip or time."""
    frames = x0.transpose(1, 2).flatten(0, 1)  # axes: clip*frame C H W
    chosen = torch.randperm(len(frames), generator=generator)[: rows * x0.shape[2]].to(x0.device)
    return frames[chosen].unflatten(0, (rows, x0.shape[2])).transpose(1, 2)


def image_stills(recipe: Recipe, world: World, start: int, rows: int) -> Iterator[Tensor]:
    """Heaps of images in the order that (seed, step) gives: (rows, C, T, H, W) a step."""
    options = {key: recipe.media[key] for key in ("size", "channels", "flip") if key in recipe.media}
    image, frames = modalities.modality.load("image", **options), recipe.media["frames"]
    source = image.source(Path(recipe.data.stills_path or ""), recipe.data.split)
    count = rows * frames * world.size
    draws = data_order(len(source), count, seed=recipe.seed, start=start, rank=world.rank, ranks=world.size)
    loaded = batches(source, draws, workers=recipe.data.workers or 0, pin_memory=world.device.type == "cuda")
    for batch in prefetch(loaded, world.device):
        yield image.encode(image.prepare(batch, None)).unflatten(0, (rows, frames)).transpose(1, 2)
