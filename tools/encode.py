"""Encode data once into latents, which trainings then read in the place of the media.

    python tools/encode.py run=runs/AUTOENCODER data.path=PATH out=DIR [data.split=train] [crops=1]
                           [dtype=float32|float16] [shard=1024] [media.flip=true] [key=value ...]
    python tools/train.py recipe=latent_mnist latents=runs/AUTOENCODER data.path=DIR

`latents=FOLDER` in the place of `run=` takes an autoencoder of diffusers, with `recipe=` or `modality=` for its media.
crops: readings of each example, where a reading is random (a part of a long recording). media.flip=true adds the
mirrored latents, of which a training with the same option takes half. shard: examples to a tar file.
A start after a kill completes what is missing; every shard has a checksum. The cache names its autoencoder, and a
training with another one refuses it. `torchrun --nproc-per-node=N tools/encode.py ...` shares the work.
"""

import dataclasses
import math
import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

import torch

from core.training.distributed import processes
from modalities.latents.media import LatentMedia
from tools import build, messages
from tools import recipe as recipes
from tools.latents import caching, space
from tools.latents.caching import Plan
from tools.progress import Progress
from tools.schema import Recipe

OWN = ("out", "crops", "dtype", "shard")
"""Words of this tool; all others are keys of the recipe."""
DTYPES = {"float32": torch.float32, "float16": torch.float16}


def main(argv: list[str] | None = None) -> int:
    return messages.run(encode, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def encode(argv: list[str]) -> int:
    plan = planned({word.partition("=")[0]: word.partition("=")[2] for word in argv if word.partition("=")[0] in OWN})
    recipe = space.adopted(wanted([word for word in argv if word.partition("=")[0] not in OWN], plan.out))
    with processes(build.device(recipe.device)) as world:
        media = build.modality(recipe)
        assert isinstance(media, LatentMedia)
        source = media.media.source(Path(recipe.data.path) if recipe.data.path else None, recipe.data.split)
        with Progress(len(source), unit="example", quiet=not world.first) as bar:
            caching.write(recipe, media, source, plan, world, say=bar.note, done=bar.update)
        if world.first:
            print(f"{len(source)} examples {summary(media)} in {plan.out}")
    return 0


def planned(said: dict[str, str]) -> Plan:
    """The tool's own words. Raises ValueError for one that is missing or out of range."""
    if not said.get("out"):
        raise ValueError("say where the latents go: out=DIR")
    numbers = {}
    for name in ("crops", "shard"):
        if name in said:
            numbers[name] = int(said[name]) if said[name].isdecimal() else 0
            if numbers[name] < 1:
                raise ValueError(f"{name}={said[name]} must be a whole number, at least 1")
    if said.get("dtype", "float32") not in DTYPES:
        raise ValueError(f"dtype={said['dtype']} must be one of {', '.join(DTYPES)}")
    return Plan(Path(said["out"]).expanduser(), dtype=DTYPES[said.get("dtype", "float32")], **numbers)


def wanted(argv: list[str], out: Path) -> Recipe:
    """The recipe whose latents these are: of a run of `stage=autoencoder`, or any with `latents`. No run is continued:
    its `run` is `out`."""
    recipe = recipes.load(argv)
    latents = recipe.run if recipe.stage == "autoencoder" else recipe.latents
    if latents is None:
        raise ValueError("say with which autoencoder: run=runs/AUTOENCODER, or latents=FOLDER and modality= or recipe=")
    if recipe.stage == "diffusion" and recipes.argument(argv, "run"):
        latents = space.place(recipe)  # of a run on latents: its own copy
    return dataclasses.replace(recipe, stage="diffusion", latents=latents, run=str(out))


def summary(media: LatentMedia) -> str:
    """«as latents of 4 x 7 x 7, a quarter of the numbers»."""
    shape, event = media.event_shape, media.media.event_shape
    share = math.prod(shape) / math.prod(event)
    return f"as latents of {' x '.join(map(str, shape))}, {100 * share:.3g} % of the numbers of {media.name} data,"


if __name__ == "__main__":
    sys.exit(main())
