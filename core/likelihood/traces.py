"""The trace of a denoiser's Jacobian, exactly or on average over probes: the divergence of the probability flow.

Both are callables `trace(f, x) -> (f(x), tr df/dx)` with x (B, *event), results (B, *event) and (B,), and differentiate
backwards, so that every network qualifies, also under `torch.no_grad` and `torch.inference_mode`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]
Trace = Callable[[Map, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ExactTrace:
    """d backward passes for events of d numbers: small dimensions only."""

    def __call__(self, f: Map, x: Tensor) -> tuple[Tensor, Tensor]:
        d = x[0].numel()
        basis = torch.eye(d, dtype=x.dtype, device=x.device).reshape(d, 1, *x.shape[1:])
        value, products = _products(f, x, basis)
        return value, products.sum(0)


@dataclass(frozen=True)
class Hutchinson:
    """E_v[v^T J v] over probes (n, B, *event) of mean 0 and covariance I (Hutchinson 1990; Grathwohl et al. 2019).

    Unbiased, in n backward passes. The probes stay the same along a trajectory, which keeps the ODE smooth.
    """

    probes: Tensor

    @classmethod
    def rademacher(cls, x: Tensor, n: int, generator: torch.Generator) -> "Hutchinson":
        """Probes of +-1, drawn on the generator's device: no variance from the diagonal of J."""
        signs = torch.randint(2, (n, *x.shape), generator=generator, device=generator.device)
        return cls((2 * signs - 1).to(x))

    @classmethod
    def gaussian(cls, x: Tensor, n: int, generator: torch.Generator) -> "Hutchinson":
        """Probes N(0, I), drawn on the generator's device: variance 2 |J|^2 / n for a symmetric J."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        return cls(torch.randn(n, *x.shape, generator=generator, device=generator.device, dtype=dtype).to(x))

    def __call__(self, f: Map, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.probes.shape[1:] != x.shape:
            raise ValueError(
                f"Hutchinson: needs probes (n, *{tuple(x.shape)}), got {tuple(self.probes.shape)}: one set per batch"
            )
        value, products = _products(f, x, self.probes)
        return value, products.mean(0)


def _products(f: Map, x: Tensor, probes: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """f(x), and v^T J v (n, B) for every probe v."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.clone().detach().requires_grad_()
        value, rows = f(x), list[Tensor]()
        for v in probes:
            v = v.clone().expand_as(x)
            (pulled,) = torch.autograd.grad(value, x, v, retain_graph=True)
            rows.append((pulled * v).flatten(1).sum(1))
    return value.detach(), torch.stack(rows).detach()
