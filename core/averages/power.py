"""The power-function average, whose length grows with the training (Karras et al. 2024b, sec. 3.1).

    d_n = (1 - 1/n)^(gamma + 1)      so that w_i weighs  (i^(gamma+1) - (i-1)^(gamma+1)) / n^(gamma+1),

the integral of (gamma + 1) t^gamma / n^(gamma+1) over its update. Its width relative to n,
sigma_rel^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3)), never changes: 0.05 averages over the last tenth or so.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Power:
    """sigma_rel in (0, 12^-1/2]: standard deviation of the average over time, as a share of the training so far.

    12^-1/2 = 0.2887 weighs all updates the same. The initial weights count nothing. ValueError where out of range.
    """

    sigma_rel: float = 0.1

    def __post_init__(self) -> None:
        exponent(self.sigma_rel)

    def __call__(self, n: int) -> float:
        return (1 - 1 / n) ** (exponent(self.sigma_rel) + 1)


def exponent(sigma_rel: float) -> float:
    """gamma >= 0 from sigma_rel in (0, 12^-1/2] (Karras et al. 2024b, algorithm 2), by bisection.

    Raises ValueError for a value out of range.
    """
    widest = 12**-0.5
    if not 0 < sigma_rel <= widest:
        raise ValueError(f"average power: sigma_rel must lie in (0, {widest:.4g}], got {sigma_rel}")
    low, high = 0.0, 1 / sigma_rel  # sigma_rel < 1 / gamma, and falls with it
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if width(middle) > sigma_rel else (low, middle)
    return low


def width(gamma: float) -> float:
    """sigma_rel from gamma >= 0 (Karras et al. 2024b, app. C.1)."""
    return math.sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2)


power = Power
