"""The plain error of v (Salimans & Ho 2022, sec. 4: "SNR+1 weighting").  w = SNR + 1."""

from torch import Tensor


def v(log_snr: Tensor) -> Tensor:
    """e^lambda + 1, since v - v_hat = -(x0 - x0_hat) / sigma on a variance-preserving schedule."""
    return log_snr.exp() + 1
