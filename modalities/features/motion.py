"""How clips move: what a set of good single frames does not show.

motion  = mean |x_(t+1) - x_t|                            in shares of full scale, over all pixels and frames
jerk    = mean |x_(t+1) - 2 x_t + x_(t-1)| / 2            of what moves evenly less than the motion, of noise more
flicker = mean |m_(t+1) - m_t|                            of the mean brightness m_t of a frame
"""

import torch
from torch import Tensor

NAMES = ("motion", "jerk", "flicker")


def movement(media: Tensor) -> Tensor:
    """uint8 (B, T, H, W, C) -> (B, 3), in the order of `NAMES`; zeros for what too short a clip does not have."""
    x = media.float() / 255
    change = x.diff(dim=1)
    found = (change, change.diff(dim=1) / 2, x.mean((2, 3, 4)).diff(dim=1))
    return torch.stack([part.abs().flatten(1).mean(1) if part.numel() else x.new_zeros(len(x)) for part in found], 1)
