"""Shift and scale of the latents, measured on data: what the U-Net is given has mean 0 and deviation 1 per channel.

z' = (z - shift) * scale,     shift = mean,     scale = 1 / standard deviation,     over examples and positions
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from modalities.writing import write_bytes

LEAST = 1e-4
"""A channel that deviates less than this carries nothing, and is not blown up."""


@dataclass(frozen=True)
class Statistics:
    """Of the latents of one autoencoder: a number per channel, their shape (c, *size), and how many were looked at."""

    shift: list[float]
    scale: list[float]
    latent_shape: list[int]
    examples: int


def measured(latents: Iterable[Tensor]) -> Statistics:
    """From batches z (b, c, *size), in float64. Raises ValueError where there are none."""
    count, examples, total, square = 0, 0, torch.zeros(()), torch.zeros(())
    shape: list[int] = []
    for z in latents:
        flat = z.double().transpose(0, 1).flatten(1)  # (c, b * positions)
        total, square = total + flat.sum(1).cpu(), square + flat.square().sum(1).cpu()
        count, examples, shape = count + flat.shape[1], examples + len(z), list(z.shape[1:])
    if not count:
        raise ValueError("there are no latents to measure: the data source is empty")
    mean = total / count
    deviation = (square / count - mean.square()).clamp_min(0).sqrt().clamp_min(LEAST)
    return Statistics(mean.tolist(), (1 / deviation).tolist(), shape, examples)


def save(statistics: Statistics, path: Path) -> None:
    """As JSON, whole or absent."""
    write_bytes((json.dumps(asdict(statistics)) + "\n").encode(), path)


def read(path: Path) -> Statistics:
    """Raises ValueError where the file is missing or is not one."""
    try:
        return Statistics(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} does not hold the statistics of latents: {error}") from None
