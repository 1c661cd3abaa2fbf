"""One file per way to draw the uniforms behind the training times: `draws(n, generator, device, step) -> u`.

u (n,) float32, strictly inside (0, 1), where quantile functions are finite. Each place of the batch is uniform on its
own. A stateful one is an `nn.Module` with two more methods, see `loss_aware`.
"""

import torch
from torch import Tensor

EDGE = torch.finfo(torch.float32).eps / 2
"""The distance of the outermost draws from 0 and 1: the greatest float32 below 1 is 1 - EDGE."""


def inside(u: Tensor) -> Tensor:
    """u with what rounding brought to 0 or 1 moved inside."""
    return u.clamp(EDGE, 1 - EDGE)
