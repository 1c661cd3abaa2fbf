"""Log-SNR uniform between two ends (Kingma et al. 2021, sec. 4: their linear gamma(t) under uniform times).

The density for weightings per nat: its importance weight is the constant high - low.
"""

from dataclasses import dataclass

from torch import Tensor

from core.schedule import Schedule


@dataclass(frozen=True)
class LogSNR:
    """lambda = high - (high - low) u, in nats; what lies beyond t_max trains t_max.

    The defaults are the ends that variational diffusion models start from. Raises ValueError unless low < high.
    """

    low: float = -5.0
    high: float = 13.3

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"density log_snr: low must lie below high, got {self.low} and {self.high}")

    def __call__(self, u: Tensor, schedule: Schedule) -> Tensor:
        return schedule.time(self.high - (self.high - self.low) * u).clamp(max=schedule.t_max)


log_snr = LogSNR
