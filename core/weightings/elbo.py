"""The evidence lower bound's own weighting: no other choice makes the loss a likelihood.  w = SNR / 2 per nat.

    -log p(x0) <= 1/2 int e^lambda E|x0 - x0_hat|^2 d lambda + constants              (Kingma et al. 2021, sec. 5.1)

with lambda over the range that is trained; the constants, prior and reconstruction, have no parameters. The loss is a
mean over the event, so it is that integral in nats per dimension.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor


@dataclass(frozen=True)
class ELBO:
    """e^lambda / 2 per nat of log-SNR, whatever the times are drawn from; they are best drawn from `densities/log_snr`.

    For continuous data the integrand tends to 1/2 at the clean end and the bound grows without end: the range of the
    density, or dequantised data, decides where it stops.
    """

    per_nat: ClassVar[bool] = True

    def __call__(self, log_snr: Tensor) -> Tensor:
        return log_snr.exp() / 2


elbo = ELBO
