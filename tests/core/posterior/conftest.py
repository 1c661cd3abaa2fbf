"""Data of six elements whose posterior is exact: neighbours that resemble each other, white ones, and a mixture."""

import pytest
import torch

from core.analytic import Mixture


@pytest.fixture
def gaussian() -> Mixture:
    """Six neighbours that resemble each other: a covariance far from white."""
    i = torch.arange(6)
    cov = 0.25 * torch.exp(-(i[:, None] - i).abs() / 3.0)
    return Mixture(torch.ones(1), torch.full((1, 6), 0.2), cov[None])


@pytest.fixture
def white() -> Mixture:
    return Mixture(torch.ones(1), torch.full((1, 6), 0.2), 0.25 * torch.eye(6)[None])


@pytest.fixture
def two(gaussian: Mixture) -> Mixture:
    mean = torch.stack([torch.full((6,), -0.6), torch.full((6,), 0.5)])
    return Mixture(torch.tensor([0.4, 0.6]), mean, gaussian.cov * torch.tensor([0.8, 1.2])[:, None, None])
