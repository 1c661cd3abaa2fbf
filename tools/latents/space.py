"""A recipe with `latents`: checked against its autoencoder, what is open filled in, and made into media.

What was measured of the latents stands in the recipe (`latent_space`), as everything measured does; the autoencoder
itself is copied into the run, `<run>/autoencoder/`, so that a run can be moved and sampled where nothing else is.
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import torch

from modalities.latents.cache import is_cache
from modalities.latents.media import LatentMedia
from modalities.latents.pretrained import load_pretrained
from modalities.modality import Modality
from tools import checkpoint
from tools import recipe as recipes
from tools.latents.found import Found, found
from tools.schema import Recipe

FOLDER = "autoencoder"
"""Of a run: the copy of its autoencoder."""


def adopted(recipe: Recipe) -> Recipe:
    """`recipe` with what its autoencoder decides: the scale of sounds, the fingerprint, and shift and scale of the
    latents where they are known. The recipe itself without `latents`.

    Raises ValueError in one line where there is no autoencoder, or one of other media.
    """
    if recipe.latents is None:
        if recipe.data.path and is_cache(Path(recipe.data.path)):
            raise ValueError(
                f"data.path={recipe.data.path} is a cache of latents: say latents=AUTOENCODER, whose they are"
            )
        return recipe
    if recipe.stage != "diffusion":
        raise ValueError(f"latents= is for stage=diffusion; stage={recipe.stage} works on the media themselves")
    if recipe.data.stills > 0:
        raise ValueError("data.stills mixes pictures among clips, and an autoencoder of clips encodes no pictures")
    stored = started(recipe)
    same = stored is not None and stored.latents == recipe.latents
    there = found(place(recipe) if same else recipe.latents)
    if stored is not None and there.fingerprint != stored.latent_space.fingerprint:
        raise ValueError(
            f"{recipe.run} was trained with latents={stored.latents}, this command says {recipe.latents}: "
            "choose another run="
        )
    recipe = dataclasses.replace(recipe, media=media_options(recipe, there))
    shift, scale = there.spread or (None, None)
    space = dataclasses.replace(
        recipe.latent_space,
        shift=recipe.latent_space.shift if shift is None else shift,
        scale=recipe.latent_space.scale if scale is None else scale,
        fingerprint=there.fingerprint,
    )
    return dataclasses.replace(recipe, latent_space=space)


def started(recipe: Recipe) -> Recipe | None:
    """The recipe of the run that this one would continue."""
    path = Path(recipe.run) / "recipe.yaml"
    return recipes.read(path) if path.is_file() else None


def seen_through(recipe: Recipe, media: Modality) -> LatentMedia:
    """`media` through the recipe's autoencoder: the run's own copy where there is one."""
    where = place(recipe)
    there, space = found(where), recipe.latent_space
    if space.fingerprint and there.fingerprint != space.fingerprint:
        ours, theirs = space.fingerprint[:12], there.fingerprint[:12]
        raise ValueError(
            f"{recipe.run} was trained on the latents of another autoencoder ({ours}) than {where} ({theirs})"
        )
    channels = there.autoencoder.latent_shape(media.event_shape)[0]  # type: ignore[operator]
    return LatentMedia(
        media=media,
        autoencoder=there.autoencoder,
        shift=torch.zeros(channels) if space.shift is None else torch.tensor(space.shift),
        scale=torch.ones(channels) if space.scale is None else torch.tensor(space.scale),
        fingerprint=there.fingerprint,
        tile=recipe.sample.tile,
    )


def place(recipe: Recipe) -> str:
    """Where to read the autoencoder from: the run's own copy, or where `latents` says while there is none."""
    assert recipe.latents is not None
    copy = Path(recipe.run) / FOLDER
    return str(copy) if copy.is_dir() else recipe.latents


def media_options(recipe: Recipe, there: Found) -> dict[str, Any]:
    """The recipe's media with the autoencoder's scale. Raises ValueError where they are not what it was trained on."""
    if there.modality != recipe.modality:
        raise ValueError(
            f"latents={recipe.latents} is an autoencoder of modality={there.modality}, not {recipe.modality}"
        )
    media = dict(recipe.media)
    for option, theirs in there.media.items():
        ours = media.get(option)
        if option == "scale" and ours is None:
            media[option] = theirs
        elif option in media and ours != theirs:
            raise ValueError(
                f"latents={recipe.latents} was trained with media.{option}={theirs}, this recipe says {ours}"
            )
    return media


def keep(recipe: Recipe) -> None:
    """Copy the autoencoder into the run, whole or not at all: its averaged weights, no optimiser."""
    final = Path(recipe.run) / FOLDER
    if recipe.latents is None or final.is_dir():
        return
    draft = final.with_name(f".unfinished-{FOLDER}")
    shutil.rmtree(draft, ignore_errors=True)
    run = Path(recipe.latents).expanduser()
    if (run / "recipe.yaml").is_file():
        copy_run(run, draft)
    else:
        load_pretrained(recipe.latents).save(draft)
    draft.rename(final)


def copy_run(run: Path, to: Path) -> None:
    """The parts of a run of `stage=autoencoder` that its latents need: recipe, averaged weights, `latents.json`."""
    folder = checkpoint.latest(run)
    assert folder is not None, "`found` has looked"
    name = checkpoint.weights_of(recipes.read(run / "recipe.yaml"))
    target = to / "checkpoints" / folder.name
    target.mkdir(parents=True)
    for part in (f"{name}.safetensors", "recipe.yaml"):
        shutil.copyfile(folder / part, target / part)
    for part in ("recipe.yaml", "latents.json"):
        shutil.copyfile(run / part, to / part)
