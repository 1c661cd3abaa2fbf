"""Minibatch optimal transport (Pooladian et al. 2023; Tong et al. 2024): near noise for each x0.

    pi = argmin over permutations of sum_i |x0_i - eps_pi(i)|^2

Paths of a batch then no longer cross, so E[eps - x0 | x_t] has less variance and the flow is straighter. The solution
is exact, and costs milliseconds up to a hundred rows, a tenth of a second at 256.

What it costs in theory: given x0, eps is no longer N(0, I). The probability-flow ODE still carries noise to data, with
`velocities` as they are, but x0_hat is no longer the score's: samplers that add noise, likelihoods and posterior
samplers do not apply. And noise paired over a whole batch would depend on the label, which sampling does not reproduce
(Cheng & Schwing 2025): so pairs change only among equal labels.
"""

import torch
from torch import Tensor

from core.assignment import assignment


def optimal_transport(x0: Tensor, eps: Tensor, label: Tensor | None = None) -> Tensor:
    """The rows of eps (B, *event) in the order that costs least, within each value of label (B,).

    Distances are computed in float32 or better where x0 lies; the assignment on the CPU, for which a GPU waits.
    """
    if label is None:
        return eps[_order(x0, eps)]
    order = torch.arange(len(eps), device=eps.device)
    for value in label.unique():
        rows = (label == value).nonzero()[:, 0]
        order[rows] = rows[_order(x0[rows], eps[rows])]
    return eps[order]


def _order(x0: Tensor, eps: Tensor) -> Tensor:
    dtype = torch.promote_types(x0.dtype, torch.float32)
    a, b = x0.flatten(1).to(dtype), eps.flatten(1).to(dtype)
    gain = (a - a.mean(0)) @ (
        b - b.mean(0)
    ).mT  # |a - b|^2 = |a|^2 + |b|^2 - 2 ab: the squares are in every permutation
    return torch.tensor(assignment((-gain).tolist()), device=eps.device)
