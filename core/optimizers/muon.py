"""Muon: momentum, made orthogonal (Jordan et al. 2024; scale as in Liu et al. 2025, eq. 4), with AdamW for the rest.

The momentum M of a weight matrix is replaced by the nearest semi-orthogonal matrix U V^T of its singular value
decomposition, so that every direction of the matrix learns at the same speed; a few Newton-Schulz iterations,
all matrix products, come close enough. A convolution kernel (out, in, *k) is the matrix (out, in * prod k).
Gains, biases and embedding tables have no such geometry and take AdamW steps in the same optimiser.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic Newton-Schulz whose slope at zero is steep: small singular values grow fast (Jordan et al. 2024)."""


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Singular values of `(..., rows, columns)` brought to about 1 (between 0.7 and 1.2), directions kept.

    Each iteration is x <- Q x with Q = a + b G + c G^2 and G = x x^T. The product of all Q, and G <- Q^2 G, come from
    rows x rows matrices alone: x itself, which in a convolution is nine times as wide, is touched twice.
    """
    a, b, c = COEFFICIENTS
    wide = matrices.mT if matrices.size(-2) > matrices.size(-1) else matrices
    x = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram, identity = x @ x.mT, torch.eye(x.size(-2), dtype=x.dtype, device=x.device)
    product = identity
    for _ in range(iterations):
        q = a * identity + b * gram + c * gram @ gram
        product = q @ product
        gram = q @ (q @ gram)
    x = product @ x
    return x.mT if matrices.size(-2) > matrices.size(-1) else x


class _Muon(torch.optim.Optimizer):
    """Groups with `matrix=True` take Muon steps, the others AdamW steps with the same decoupled weight decay."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None, "this optimiser does not re-evaluate the loss"
        for group in self.param_groups:
            update = self._matrix_step if group["matrix"] else self._adamw_step
            for p in group["params"]:
                if p.grad is not None:
                    if group["weight_decay"]:
                        p.mul_(1 - group["lr"] * group["weight_decay"])
                    update(p, p.grad, self.state[p], group)

    @staticmethod
    def _matrix_step(p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(p)
        momentum = state["momentum"].lerp_(grad, 1 - group["momentum"])
        nesterov = torch.lerp(grad, momentum, group["momentum"]).flatten(1)
        update = orthogonalise(nesterov)
        rows, columns = update.shape
        # An orthogonal (rows, columns) matrix has entries of rms 1/sqrt(max); this brings them to the rms of Adam's.
        scale = 0.2 * max(rows, columns) ** 0.5
        p.add_(update.view_as(p), alpha=-group["lr"] * scale)

    @staticmethod
    def _adamw_step(p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
        state["step"] += 1
        beta1, beta2 = group["betas"]
        mean = state["mean"].lerp_(grad, 1 - beta1)
        square = state["square"].lerp_(grad.square(), 1 - beta2)
        denominator = (square / (1 - beta2 ** state["step"])).sqrt_().add_(group["eps"])
        p.addcdiv_(mean, denominator, value=-group["lr"] / (1 - beta1 ** state["step"]))


def muon(
    parameters: Iterable[tuple[str, Tensor]],
    *,
    lr: float,
    momentum: float = 0.95,
    beta1: float = 0.9,
    beta2: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Muon for matrices and convolution kernels, AdamW for the rest; tables (`embed` in the name) count as the rest."""
    named = [(name, p) for name, p in parameters if p.requires_grad]
    matrix = [p for name, p in named if p.ndim > 1 and "embed" not in name]
    rest = [p for name, p in named if p.ndim <= 1 or "embed" in name]
    common = {"betas": (beta1, beta2), "eps": eps, "momentum": momentum}
    groups = [
        {"params": matrix, "matrix": True, "weight_decay": weight_decay, **common},
        {"params": rest, "matrix": False, "weight_decay": 0.0, **common},
    ]
    return _Muon([g for g in groups if g["params"]], {"lr": lr})
