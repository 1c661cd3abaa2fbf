"""The score of Salimans et al. 2016, sec. 4, over any classifier: exp of the mean Kullback-Leibler divergence

    exp E_x KL(p(y | x) || p(y)),    p(y) = E_x p(y | x)

from 1 (every example looks alike, or like nothing) to the number of classes (each is clear, all are equally frequent).
It is called Inception score over that network alone. It never sees the data.
"""

import torch
from torch import Tensor


def class_score(probabilities: Tensor, *, splits: int = 1) -> Tensor:
    """The score (splits,) of each of `splits` consecutive parts of probabilities (n, K). The paper takes 10 of 5,000.

    Raises ValueError for fewer examples than parts.
    """
    if not 1 <= splits <= len(probabilities):
        raise ValueError(f"class_score: needs 1 to {len(probabilities)} splits, got {splits}")
    found = []
    for p in probabilities.to(torch.float64).tensor_split(splits):
        mean = p.mean(0)
        found.append((torch.xlogy(p, p) - torch.xlogy(p, mean)).sum(1).mean().exp())
    return torch.stack(found)
