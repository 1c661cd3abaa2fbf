"""What an autoencoder makes of data that it was not trained on: measures, and originals beside reconstructions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from core.training.order import data_order
from modalities.data.example import Source
from modalities.data.loader import batches
from modalities.latents.autoencoder import Autoencoder
from modalities.latents.metrics.psnr import psnr, snr
from modalities.latents.metrics.ssim import ssim
from modalities.latents.metrics.stft_distance import stft_distance
from modalities.modality import Modality
from tools.sample_folder import sheet_name
from tools.schema import Recipe

EXAMPLES = 256
"""Of held-out data a report is made from, or as many as there are."""
SHOWN = 8


@dataclass
class Report:
    """Means over examples of the measures of one kind of media; `frames`: of a clip, the measure of each frame."""

    split: str
    examples: int
    means: dict[str, float]
    frames: dict[str, list[float]] = field(default_factory=dict)

    def line(self) -> str:
        """«reconstruction of 512 test examples: PSNR 27.1 dB · SSIM 0.93»."""
        shown = " · ".join(f"{UNITS[name][0]} {value:{UNITS[name][1]}}" for name, value in self.means.items())
        return f"reconstruction of {self.examples} {self.split} examples: {shown}"


UNITS = {
    "psnr": ("PSNR in dB", ".2f"),
    "ssim": ("SSIM", ".4f"),
    "snr": ("SNR in dB", ".2f"),
    "stft_distance": ("STFT distance", ".4f"),
}


def held_out(recipe: Recipe, media: Modality) -> tuple[Source, str]:
    """Data that are not trained on, and the name of their split; the training data where there are no others."""
    path = Path(recipe.data.path) if recipe.data.path else None
    for split in ("test", "val"):
        if split != recipe.data.split:
            try:
                return media.source(path, split), split
            except ValueError:  # it has none
                continue
    return media.source(path, recipe.data.split), recipe.data.split


def some(
    recipe: Recipe, media: Modality, source: Source, count: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Stored media (b, …), their x0 and labels, of `count` examples in an order that the recipe's seed gives."""
    size = min(count, len(source), recipe.sample.batch)
    left = min(count, len(source))
    draws = islice(data_order(len(source), size, seed=recipe.seed), -(-left // size))
    for batch in batches(source, draws, workers=0):
        stored, labels = media.prepare(batch.to(device), None)[:left], batch.labels[:left].to(device)
        left -= len(stored)
        yield stored, media.encode(stored), labels if recipe.autoencoder.label else None


@torch.inference_mode()
def report(recipe: Recipe, media: Modality, model: Autoencoder, device: torch.device) -> Report:
    """Reconstructions of held-out data against their originals, both in stored units."""
    source, split = held_out(recipe, media)
    rows: dict[str, list[Tensor]] = {}
    for stored, x0, label in some(recipe, media, source, EXAMPLES, device):
        made = media.decode(model.decode(model.encode(x0, label), label).float())
        for name, values in MEASURES[media.name](made, stored).items():
            rows.setdefault(name, []).append(values.cpu())  # (b,), or (b, frames)
    whole = {name: torch.cat(parts) for name, parts in rows.items()}
    means = {name: float(v.mean()) for name, v in whole.items()}
    frames = {name: v.mean(0).tolist() for name, v in whole.items() if v.ndim == 2}
    return Report(split, len(next(iter(whole.values()))), means, frames)


def of_image(made: Tensor, stored: Tensor) -> dict[str, Tensor]:
    """uint8 (B, C, H, W) twice."""
    return {"psnr": psnr(made, stored, peak=255), "ssim": ssim(made, stored, peak=255)}


def of_video(made: Tensor, stored: Tensor) -> dict[str, Tensor]:
    """uint8 (B, T, H, W, C) twice -> (B, T): of every frame."""
    size = made.shape[:2]
    frames = [clip.movedim(-1, 2).flatten(0, 1) for clip in (made, stored)]  # (B*T, C, H, W)
    return {name: values.unflatten(0, size) for name, values in of_image(*frames).items()}


def of_audio(made: Tensor, stored: Tensor) -> dict[str, Tensor]:
    """int16 (B, C, T) twice."""
    ours, theirs = made.float() / 32768, stored.float() / 32768
    return {"snr": snr(ours, theirs), "stft_distance": stft_distance(ours, theirs)}


MEASURES: dict[str, Callable[[Tensor, Tensor], dict[str, Tensor]]] = {
    "image": of_image,
    "audio": of_audio,
    "video": of_video,
}


@torch.inference_mode()
def show(recipe: Recipe, media: Modality, model: Autoencoder, device: torch.device, out: Path) -> None:
    """`reconstructions.png` (or .mp4) in `out`: originals, each above its reconstruction; sounds side by side."""
    source, _ = held_out(recipe, media)
    stored, x0, label = next(some(recipe, media, source, SHOWN, device))
    made = media.decode(model.decode(model.encode(x0, label), label).float())
    path = out / sheet_name(media).replace("sheet", "reconstructions")
    if media.name == "audio":
        pairs, captions = torch.stack([stored, made], 1).flatten(0, 1), ["original", "reconstruction"] * len(stored)
    else:
        pairs, captions = torch.cat([stored, made], dim=-2 if media.name == "image" else 2), []
    media.sheet(pairs.cpu(), path, captions)
    if media.name == "video":
        media.strip(pairs.cpu(), path.with_suffix(".png"))
