"""Truncated SNR (Salimans & Ho 2022, sec. 4): the worse of the errors of eps and of x0.  w = max(SNR, 1)."""

from torch import Tensor


def truncated_snr(log_snr: Tensor) -> Tensor:
    """max(e^lambda, 1): never 0 where the signal ends, so that x0 is learnt there too; without other bounds
    `clamped_snr`."""
    return log_snr.clamp_min(0).exp()
