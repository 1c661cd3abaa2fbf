"""L_simple (Ho et al. 2020, eq. 14): the plain error of eps.  w = SNR."""

from torch import Tensor


def simple(log_snr: Tensor) -> Tensor:
    """e^lambda, since |eps - eps_hat|^2 = (alpha / sigma)^2 |x0 - x0_hat|^2."""
    return log_snr.exp()
