"""How much of a side becomes channels of one position, where a recipe leaves it open: `network.patch=null`.

    the largest p for which
        the shorter side keeps enough positions                         side / p >= enough
        no position holds more numbers than the network has channels    C p^2 <= width, C p of a sound

Four times fewer positions are four times less work. What is enough is a matter of the machine: a CPU has time for few.
"""

from collections.abc import Sequence

import torch

PATCHES = (1, 2, 4, 8, 16)

ENOUGH = {1: 512, 2: 16, 3: 8}
"""Positions on a CPU: of a sound's length, of a picture's or spectrogram's side, of a side of every frame."""

MORE = 4
"""So many times as many on a GPU, but for sounds, of which a position is a few samples anyway."""


def fitting(event_shape: Sequence[int], width: int, device: torch.device) -> int:
    """The patch for x0 of this shape (C, L), (C, H, W) or (C, T, H, W) and a network of this width."""
    channels, rank = event_shape[0], len(event_shape) - 1
    side = min(event_shape[-2:]) if rank > 1 else event_shape[-1]
    enough = ENOUGH[rank] * (1 if device.type == "cpu" or rank == 1 else MORE)
    folded = 1 if rank == 1 else 2  # time is not
    return max(p for p in PATCHES if p == 1 or (side >= enough * p and channels * p**folded <= width))
