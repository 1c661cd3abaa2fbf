"""What is known of x0, as one tensor: the known values, and NaN («not known here») everywhere else.

    rows (B, C, *size) = x0 where the mask is 1, NaN where it is 0

A network is shown zeros for NaN and the mask beside them (`modalities.nn.concat`); where nothing is known the row is
absent, and the model generates. While sampling, the estimate of the clean x0 has the known values put in (`kept`):
every sampler then carries the known part along the very path x_t = alpha x0 + sigma eps that the network saw it on in
training, and ends on the values given.
"""

import torch
from torch import Tensor

from core.schedule import Denoise


def known(x0: Tensor, mask: Tensor) -> Tensor:
    """x0 (B, C, *size), mask bool (B, 1, *size), True where it is known -> rows (B, C, *size)."""
    return torch.where(mask, x0, torch.nan)


def put_in(x0: Tensor, rows: Tensor) -> Tensor:
    """x0 (B, C, *size) with the known values in their places, bit for bit."""
    return torch.where(rows.isnan(), x0, rows.to(x0.dtype))


def kept(denoise: Denoise, rows: Tensor) -> Denoise:
    """`denoise` with the known values in its estimate of x0."""
    return lambda x, t: put_in(denoise(x, t), rows)
