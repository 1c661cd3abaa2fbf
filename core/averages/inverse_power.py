"""A decay that approaches 1 like an inverse power (the warm-up of k-diffusion and diffusers).

    d_n = min(1 - (1 + (n - 1) / scale)^-power, 2^(-1 / half_life))

The first update takes the weights as they are. With power 1 and scale 1 every weight so far counts the same.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class InversePower:
    """power in (0, 1]; scale in updates; half_life in updates, the longest there may be.

    Raises ValueError for a value out of range. 2 / 3 is usual for long trainings, 3 / 4 for short ones.
    """

    power: float = 2 / 3
    scale: float = 1.0
    half_life: float = 7000.0

    def __post_init__(self) -> None:
        if not (0 < self.power <= 1 and self.scale > 0 and self.half_life > 0):
            raise ValueError(f"average inverse_power: needs power in (0, 1], scale > 0, half_life > 0, got {self}")

    def __call__(self, n: int) -> float:
        return min(1 - (1 + (n - 1) / self.scale) ** -self.power, 0.5 ** (1 / self.half_life))


inverse_power = InversePower
