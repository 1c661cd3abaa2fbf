"""The zero-centred gradient penalty (Mescheder et al. 2018, eq. 9 and 10).

    R(x) = || d/dx sum_k D_k(x) ||^2,        R1 on real x, R2 on made x, each with weight gamma / 2 in D's loss

R1 alone makes simple GANs converge; the relativistic loss needs both (Huang et al. 2024).
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def gradient_penalty(x: Tensor, logits: Sequence[Tensor]) -> Tensor:
    """(B,) squared norms of the gradient of each example's logit, which depends on its own row of `x` alone.

    `logits` (B, positions) per judge, made from `x` (B, *event) with `x.requires_grad`; a judge counts with the mean
    over its positions. The result can be differentiated with respect to the discriminator's weights.
    """
    total = torch.stack([value.flatten(1).mean(1).sum() for value in logits]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    return gradient.flatten(1).square().sum(1)
