"""The plain error of the flow velocity (Liu et al. 2023, eq. 1; Lipman et al. 2023).  w = (1 + SNR^(1/2))^2."""

from torch import Tensor


def flow(log_snr: Tensor) -> Tensor:
    """(1 + e^(lambda / 2))^2 = 1 / t^2 on the straight path, where eps - x0 = (x_t - x0) / t."""
    return (1 + (log_snr / 2).exp()) ** 2
