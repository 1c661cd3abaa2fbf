"""Structural similarity (Wang et al. 2004, eq. 13), with their Gaussian window of 11 pixels and deviation 1.5.

    (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_x^2 + s_y^2 + C2)),   C1 = (0.01 L)^2,  C2 = (0.03 L)^2

averaged over the places where the window lies whole in the picture, and over channels. Local means, variances and
covariance are weighted by the window; L is the range from black to white.
"""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, DEVIATION = 11, 1.5


def ssim(made: Tensor, real: Tensor, *, peak: float) -> Tensor:
    """(B, C, H, W) twice -> (B,), at most 1, which only equal pictures have. Pictures below 11 pixels a side get a
    window of their size, or of the odd number below it."""
    x, y = made.double(), real.double()
    side = min(WINDOW, *x.shape[-2:])
    kernel = window(side - 1 + side % 2, x.device)
    mx, my = blurred(x, kernel), blurred(y, kernel)
    xx, yy, xy = (blurred(a * b, kernel) - m for a, b, m in ((x, x, mx * mx), (y, y, my * my), (x, y, mx * my)))
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    similar = (2 * mx * my + c1) * (2 * xy + c2) / ((mx * mx + my * my + c1) * (xx + yy + c2))
    return similar.flatten(1).mean(1).float()


def window(side: int, device: torch.device) -> Tensor:
    """(side,) Gaussian weights that sum to 1."""
    places = torch.arange(side, dtype=torch.float64, device=device) - (side - 1) / 2
    weights = torch.exp(-places.square() / (2 * DEVIATION**2))
    return weights / weights.sum()


def blurred(x: Tensor, kernel: Tensor) -> Tensor:
    """(B, C, H, W) -> weighted means over every whole window, one axis after the other."""
    flat = x.flatten(0, 1).unsqueeze(1)
    flat = functional.conv2d(functional.conv2d(flat, kernel.reshape(1, 1, -1, 1)), kernel.reshape(1, 1, 1, -1))
    return flat.squeeze(1).unflatten(0, x.shape[:2])
