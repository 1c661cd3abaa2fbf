"""What the loops of all samplers share: coefficients out of the loop, a step as one linear combination."""

from collections.abc import Sequence

import torch
from torch import Tensor


def vanishes(scale: Tensor) -> bool:
    """Whether a () scale is exactly 0: alpha at the first time, or sigma at the last. Once, before the loop.

    The one look that a sampler takes at a value. Under `torch.compile` the answer is a constant of the graph.
    """
    return bool(scale == 0)


# What `torch.compiler.assume_constant_result` does, without the compiler that it would import here (two seconds).
vanishes._dynamo_marked_constant = True  # type: ignore[attr-defined]


Weight = float | Tensor
"""A coefficient of one step: a number, which a kernel takes as its argument; a () tensor while a graph is traced, where
the values are not known, or where gradients flow to it."""


def per_step(x: Tensor, *coefficients: Tensor) -> list[tuple[Weight, ...]]:
    """One tuple of weights per step, from tensors `(steps,)`. Read once, before the loop, and only from the host."""
    table = torch.stack(coefficients)
    if not (torch.compiler.is_compiling() or table.requires_grad or table.device.type != "cpu"):
        return list(zip(*table.tolist(), strict=True))
    table = table.to(x.device, torch.promote_types(x.dtype, torch.float32))
    return list(zip(*(row.unbind() for row in table.unbind()), strict=True))


def combine(weights: Sequence[Weight], tensors: Sequence[Tensor]) -> Tensor:
    """sum_k weights[k] tensors[k], one kernel per term, rounded once to the dtype of the first tensor.

    Only the first term allocates; the others are added in place, which is most of their cost on a CPU. `zip` ends with
    the shorter, so that a history may still be growing.
    """
    dtype = tensors[0].dtype
    wide = torch.promote_types(dtype, torch.float32)
    total = tensors[0].to(wide) * weights[0]
    for weight, tensor in zip(weights[1:], tensors[1:], strict=False):
        if isinstance(weight, float):
            total.add_(tensor.to(wide), alpha=weight)
        else:
            total.addcmul_(tensor.to(wide), weight)
    return total.to(dtype)
