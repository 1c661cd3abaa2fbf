"""Soft-min-SNR (Crowson et al. 2024): min-SNR without its corner.  w = gamma SNR / (SNR + gamma).

Half the harmonic mean of SNR and gamma, written by the authors as 1 / (sigma^2 + sigma_data^2) at gamma =
1 / sigma_data^2: with x0 of that spread, the plain error of x0 in units of the spread of x_t.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class SoftMinSNR:
    """`weighting(log_snr (B,)) -> (B,)`; gamma 4 is their sigma_data = 0.5. Raises ValueError unless gamma > 0."""

    gamma: float = 4.0

    def __post_init__(self) -> None:
        if not self.gamma > 0:
            raise ValueError(f"weighting soft_min_snr: gamma must be positive, got {self.gamma}")

    def __call__(self, log_snr: Tensor) -> Tensor:
        return 1 / ((-log_snr).exp() + 1 / self.gamma)


soft_min_snr = SoftMinSNR
