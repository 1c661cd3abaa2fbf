"""The EDM weighting (Karras et al. 2022, table 1): unit loss weight of the preconditioned target.

w = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 = SNR + 1 / sigma_data^2, with sigma the level sigma / alpha.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class EDM:
    """The plain error of `predictions/edm` at the same sigma_data; at sigma_data = 1 it is `v`."""

    sigma_data: float = 0.5

    def __post_init__(self) -> None:
        if not self.sigma_data > 0:
            raise ValueError(f"weighting edm: sigma_data must be positive, got {self.sigma_data}")

    def __call__(self, log_snr: Tensor) -> Tensor:
        return log_snr.exp() + 1 / self.sigma_data**2


edm = EDM
