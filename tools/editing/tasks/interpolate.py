"""Frames between the frames of a clip: every k-th frame is known, the others are drawn."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from core.operators.mask import Keep
from tools.editing.bench import Bench, Edited, Problem, replaced, restored
from tools.editing.defaults import SETTINGS


@dataclass(frozen=True)
class Interpolate:
    """every: one frame in so many is known. Of a degraded file all frames are known, and the clip that is made lasts
    as many frames as the model's. Raises ValueError for every < 2, or one that leaves a single frame."""

    MEDIA: ClassVar = ("video",)
    SETTINGS: ClassVar = SETTINGS
    every: int = 2

    def __call__(self, bench: Bench) -> Edited:
        C, T, H, W = bench.media.event_shape
        if not 2 <= self.every < T:
            raise ValueError(f"every={self.every} must lie in 2 to {T - 1}: the model's clips have {T} frames")
        known = torch.zeros(T, H, W, dtype=torch.bool, device=bench.device)
        known[:: self.every] = True
        keep = Keep(known)

        def apart(frames: Tensor) -> Tensor:
            """(1, C, n, H, W) -> (1, C, T, H, W) with `every - 1` empty frames after each."""
            clip = frames.new_zeros(1, C, T, H, W)
            clip[:, :, :: self.every] = frames
            return clip

        few = replaced(bench.media, frames=len(range(0, T, self.every)))
        return restored(bench, Problem(operator=keep, degraded=few, place=apart, known=known))


interpolate = Interpolate
