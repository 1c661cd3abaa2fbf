"""Sigmoid weighting (Kingma & Gao 2023; Hoogeboom et al. 2024): the bound, faded out.

    w = sigmoid(bias - lambda) e^lambda / 2  per nat

The ELBO's weight of the error of eps, 1/2, times a sigmoid that falls with the SNR. Because it falls, the loss is the
ELBO of data with noise added (Kingma & Gao 2023, theorem 1); a greater bias asks for finer detail, infinity is `elbo`.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor


@dataclass(frozen=True)
class Sigmoid:
    """`weighting(log_snr (B,)) -> (B,)`, per nat of log-SNR. bias in nats: 2 in VDM++, -3 to 0 in SiD2.

    Raises ValueError where bias is not finite.
    """

    bias: float = 2.0
    per_nat: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not math.isfinite(self.bias):
            raise ValueError(f"weighting sigmoid: bias must be finite, got {self.bias}")

    def __call__(self, log_snr: Tensor) -> Tensor:
        return math.exp(self.bias) / 2 * (log_snr - self.bias).sigmoid()


sigmoid = Sigmoid
