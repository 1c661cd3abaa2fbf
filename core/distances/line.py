"""Wasserstein-1 distance of two sets of numbers: the area between their distribution functions (Vallender 1974).

    d = int |F_a(x) - F_b(x)| dx

in the unit of the numbers: by how much one has to be moved, on average, to become the other.
"""

import torch
from torch import Tensor


def line_distance(a: Tensor, b: Tensor) -> float:
    """Of numbers a (n,) and b (m,). Raises ValueError where either is empty."""
    if not len(a) or not len(b):
        raise ValueError("line_distance: needs numbers on both sides")
    a, b = (x.to(torch.float64).sort().values for x in (a, b))
    places = torch.cat([a, b]).sort().values
    below_a, below_b = (torch.searchsorted(x, places[:-1], right=True).double() / len(x) for x in (a, b))
    return float(((below_a - below_b).abs() * places.diff()).sum())
