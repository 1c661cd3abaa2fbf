"""How many of the codes of a quantiser are in use."""

import torch
from torch import Tensor


def perplexity(counts: Tensor) -> Tensor:
    """exp of the entropy of how often each code was chosen, (codes,) -> (): as many equally frequent ones."""
    share = counts.float() / counts.sum().clamp_min(1)
    return torch.exp(-torch.xlogy(share, share).sum())
