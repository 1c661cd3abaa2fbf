"""Min-SNR-gamma (Hang et al. 2023).  w = min(SNR, gamma)."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class MinSNR:
    """The eps objective, capped at the clean end where its x0 errors are easy and heavy."""

    gamma: float = 5.0

    def __post_init__(self) -> None:
        if not self.gamma > 0:
            raise ValueError(f"weighting min_snr: gamma must be positive, got {self.gamma}")

    def __call__(self, log_snr: Tensor) -> Tensor:
        return log_snr.exp().clamp(max=self.gamma)


min_snr = MinSNR
