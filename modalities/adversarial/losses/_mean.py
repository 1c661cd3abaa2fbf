"""The mean over positions and judges that every adversarial loss shares."""

from collections.abc import Sequence

import torch
from torch import Tensor

Logits = Sequence[Tensor]
"""One tensor (B, positions) per judge."""


def mean(values: Logits) -> Tensor:
    """(B,): of each judge the mean over its positions, then the mean over the judges."""
    return torch.stack([value.flatten(1).mean(1) for value in values]).mean(0)


def given(real: Logits | None) -> Logits:
    """The logits of real data, for a generator's loss that compares with them."""
    if real is None:
        raise ValueError("the relativistic generator loss compares with the logits of real data: pass them as `real`")
    return real
