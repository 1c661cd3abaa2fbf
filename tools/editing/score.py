"""How near a result is to the original that it was made from."""

import math

from torch import Tensor


def decibels(original: Tensor, other: Tensor, peak: float | None) -> list[float]:
    """For each of `other` (n, C, ...) against `original` (1, C, ...), in dB: higher is nearer.

    10 log10(peak^2 / mean squared difference) with the peak of pictures, or, where it is None, the signal-to-noise
    ratio of sounds: the mean square of the original instead of peak^2.
    """
    gap = (other - original).double().flatten(1).square().mean(1)
    top = peak**2 if peak is not None else float(original.double().square().mean())
    return [10 * math.log10(top / g) if g > 0 and top > 0 else math.inf for g in gap.tolist()]
