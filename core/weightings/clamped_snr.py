"""The squared x0 error weighed by an SNR that is kept between two levels: for networks that predict x0 itself.

    w(lambda) = min(max(e^lambda, low), high)

The floor is the «truncated SNR» of Salimans & Ho (2022, sec. 4) and keeps what pure noise decides, the layout; the
ceiling is that of min-SNR (Hang et al. 2023, eq. 8) and keeps the last details from outweighing everything else.
"""

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ClampedSNR:
    """`weighting(log_snr (B,)) -> (B,)`. Raises ValueError unless 0 <= low <= high and high > 0."""

    low: float = 1.0
    high: float = 5.0

    def __post_init__(self) -> None:
        if not (0 <= self.low <= self.high and self.high > 0):
            raise ValueError(f"weighting clamped_snr: needs 0 <= low <= high, high > 0, got {self.low} and {self.high}")

    def __call__(self, log_snr: Tensor) -> Tensor:
        lowest = math.log(self.low) if self.low > 0 else None
        return log_snr.clamp(lowest, math.log(self.high)).exp()


clamped_snr = ClampedSNR
