"""One of two denoisers by the noise level, without calling the other where that can be known in time."""

import torch
from torch import Tensor

from core.schedule import Denoise
from core.shapes import expand_like


def choose(inside: Tensor, then: Denoise, otherwise: Denoise, x: Tensor, t: Tensor) -> Tensor:
    """`then(x, t)` where `inside`, `()` or `(B,)`, else `otherwise(x, t)`.

    A `()` decision on the CPU, where grids leave their times, costs the one call. On a device it would cost a transfer,
    and a compiled graph cannot branch: there, and where examples differ, both are called.
    """
    if inside.ndim == 0 and inside.device.type == "cpu" and not torch.compiler.is_compiling():
        return then(x, t) if inside else otherwise(x, t)
    return torch.where(expand_like(inside, x) > 0, then(x, t), otherwise(x, t))
