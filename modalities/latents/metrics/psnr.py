"""Peak signal-to-noise ratio in decibels: 10 log10(peak^2 / mean square error). 0.1 is about what an eye can tell."""

import torch
from torch import Tensor

MOST = 100.0
"""Decibels that stand for «equal»."""


def psnr(made: Tensor, real: Tensor, *, peak: float) -> Tensor:
    """(B, *event) twice, in units of which `peak` is the range from black to white -> (B,); at most 100."""
    error = (made.double() - real.double()).square().flatten(1).mean(1)
    return (10 * torch.log10(peak**2 / error.clamp_min(1e-300))).clamp_max(MOST).float()


def snr(made: Tensor, real: Tensor) -> Tensor:
    """The same of sounds, whose peak says little: decibels of the signal's power over the error's, (B,)."""
    error = (made.double() - real.double()).square().flatten(1).mean(1)
    power = real.double().square().flatten(1).mean(1)
    return (10 * torch.log10(power.clamp_min(1e-300) / error.clamp_min(1e-300))).clamp(-MOST, MOST).float()
