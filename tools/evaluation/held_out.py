"""What is measured on held-out data with the denoiser itself: likelihood, and the way to noise and back."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from core.denoiser import Denoiser
from core.distances import mean_interval
from core.inversion import decode, encode
from core.likelihood import bits_per_dim, continuous_bound, rounded_gaussian
from core.likelihood.continuous import stratified_uniforms
from core.schedule import Denoise
from core.training.distributed import World
from core.training.seeds import generator_of
from modalities.data.example import Source
from modalities.modality import Modality
from tools import build
from tools.abilities import asked_once
from tools.evaluation import stream
from tools.evaluation.measures import Value
from tools.evaluation.stream import Part
from tools.sampling import classes_of
from tools.schema import Recipe

DRAWS = 32
"""Noise levels per example at which the bound is estimated."""

SHOWN = 8
"""Examples on the picture of reconstructions."""


class Integers(NamedTuple):
    """How stored integers lie in model space: `width` apart from `low` to `high`."""

    width: float
    low: float
    high: float


def integers(recipe: Recipe, media: Modality) -> Integers:
    """Raises ValueError where x0 is no linear map of the stored integers, so that densities of it are not theirs."""
    if recipe.latents is not None or recipe.media.get("representation", "waveform") != "waveform":
        what = "latents" if recipe.latents is not None else "spectrograms"
        raise ValueError(f"likelihood: a model of {what} gives no probability of the stored media themselves")
    if media.name == "audio":
        scale = float(recipe.media["scale"])
        return Integers(scale / 32768, -scale, scale * 32767 / 32768)
    return Integers(2 / 255, -1.0, 1.0)


def likelihood(
    recipe: Recipe, denoiser: Denoiser, media: Modality, source: Source, world: World | None = None
) -> Value | None:
    """Bits per dimension of the stored integers of `evaluate.held_out` examples: the bound of Kingma et al. 2021."""
    levels = integers(recipe, media)
    decoder = partial(rounded_gaussian, width=levels.width, low=levels.low, high=levels.high)

    def bits(part: Part, x0: Tensor, denoise: Denoise) -> Tensor:
        generator = generator_of(0, int(part.numbers[0]))
        bound = continuous_bound(
            denoise,
            denoiser.schedule,
            x0,
            stratified_uniforms(DRAWS, len(x0), generator),
            level=max(levels.width / 4, 1e-3),
            decoder=decoder,
            randn_like=lambda x: torch.randn(x.shape, generator=generator).to(x),
        )
        return bits_per_dim(bound.nats.double(), x0[0].numel())

    return _mean(each(recipe, denoiser, media, source, world, bits), world)


def reconstruction(
    recipe: Recipe, denoiser: Denoiser, media: Modality, source: Source, world: World | None = None
) -> tuple[Value | None, Tensor]:
    """PSNR in dB of held-out examples after the way to noise and back, by Heun's method on the grid of sampling.

    With it, originals and reconstructions in turn, stored units, of the first few examples.
    """
    times = build.component("core.grids", recipe.sampler.grid)(denoiser.schedule, recipe.sampler.steps)
    sampler = build.component("core.samplers", {"name": "heun"})
    peak = 65535.0 if media.name == "audio" else 255.0
    shown: list[Tensor] = []

    def quality(part: Part, x0: Tensor, denoise: Denoise) -> Tensor:
        code = encode(sampler, denoise, denoiser.schedule, x0, times)
        back = media.decode(decode(sampler, denoise, denoiser.schedule, code, times)).cpu()
        if not shown:
            shown.append(torch.stack([part.media[:SHOWN], back[:SHOWN]], 1).flatten(0, 1))
        error = (back.double() - part.media.double()).flatten(1).square().mean(1)
        return 10 * torch.log10(peak**2 / error.clamp_min(1e-3))

    found = _mean(each(recipe, denoiser, media, source, world, quality), world)
    return found, shown[0] if shown else torch.empty(0)


Per = Callable[[Part, Tensor, Denoise], Tensor]
"""`per(part, x0, denoise) -> (B,)`: a number of each example."""


@torch.inference_mode()
def each(recipe: Recipe, denoiser: Denoiser, media: Modality, source: Source, world: World | None, per: Per) -> Tensor:
    """`per` of `evaluate.held_out` examples, under their classes where the model knows some: (n,), in their order."""
    items = stream.some(len(source), recipe.evaluate.held_out)
    device = next(denoiser.parameters()).device
    found = []
    for part in stream.real(media, source, items, world, workers=0):
        known = bool(classes_of(recipe)) and bool((part.labels >= 0).all())
        cond = {"label": part.labels.to(device)} if known else None
        found.append(per(part, media.encode(part.media.to(device)), asked_once(denoiser, cond)).cpu())
    return torch.cat(found) if found else torch.empty(0)


def _mean(values: Tensor, world: World | None) -> Value | None:
    parts = [values] if world is None else world.gathered(values)
    if not parts:
        return None
    every = torch.cat(parts)
    return Value(float(every.double().mean()), *mean_interval(every, generator=torch.Generator().manual_seed(0)))
