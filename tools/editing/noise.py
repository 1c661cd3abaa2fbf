"""How strong the noise of a picture or a sound is, estimated from itself.

    std = median |d| / 0.6745,      d the finest diagonal Haar details (Donoho & Johnstone 1994, sec. 4.2)

What the signal itself has of them is few and large, and the median does not see it. White Gaussian noise that was not
clipped; a clip is estimated frame by frame, along height and width, a sound along time. Quiet stretches of a sound,
flat areas of a picture are what tells the noise; where there are none, the estimate is too high.
"""

import torch
from torch import Tensor

QUARTILE = 0.6744897501960817
"""Of the absolute value of a standard normal, the median."""


def estimated_std(signal: Tensor, *, axes: int) -> float:
    """Standard deviation in units of the signal, from Haar details along its last `axes` axes (1 or 2)."""
    d = signal
    for axis in range(-axes, 0):
        even = d.shape[axis] // 2 * 2
        pairs = d.narrow(axis, 0, even).unflatten(axis, (-1, 2))
        d = (pairs.select(axis, 0) - pairs.select(axis, 1)) / 2**0.5
    return float(d.abs().flatten().to(torch.float64).median()) / QUARTILE
