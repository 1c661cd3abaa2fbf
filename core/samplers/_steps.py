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


def per_step(x: Tensor, *coefficients: Tensor) -> list[tuple[Tensor, ...]]:
    """One tuple of () coefficients per step, from tensors `(steps,)`, on the device of x, in float32 or better."""
    table = torch.stack(coefficients).to(x.device, torch.promote_types(x.dtype, torch.float32))
    return list(zip(*(row.unbind() for row in table.unbind()), strict=True))


def combine(weights: Sequence[Tensor], tensors: Sequence[Tensor]) -> Tensor:
    """sum_k weights[k] tensors[k], in one kernel per term, rounded once to the dtype of the first tensor.

    `weights` are () as `per_step` makes them; `zip` ends with the shorter, so that a history may still be growing.
    """
    dtype = tensors[0].dtype
    wide = torch.promote_types(dtype, torch.float32)
    total = weights[0] * tensors[0].to(wide)
    graph = torch.is_grad_enabled()  # without one, adding in place saves a third of the time: no new memory to fault in
    for weight, tensor in zip(weights[1:], tensors[1:], strict=False):
        if graph:
            total = torch.addcmul(total, tensor.to(wide), weight)
        else:
            total.addcmul_(tensor.to(wide), weight)
    return total.to(dtype)
