"""AdamW (Loshchilov & Hutter 2019, algorithm 2); only matrices and convolution kernels decay."""

from collections.abc import Iterable

import torch
from torch import Tensor


def adamw(
    parameters: Iterable[tuple[str, Tensor]],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Gains, biases and embeddings of rank 1 are left out of the decay: shrinking them only changes the scale."""
    named = [(name, p) for name, p in parameters if p.requires_grad]
    groups = [
        {"params": [p for _, p in named if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=(beta1, beta2), eps=eps, fused=True)
