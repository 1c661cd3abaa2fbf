"""Rescaling gives the guided prediction the conditional one's spread, and keeps its direction."""

import pytest
import torch

from core.guidance.rescale import rescale
from tests.core.guidance.models import constant, rows


@pytest.mark.parametrize("phi", [0.0, 0.4, 1.0])
def test_rescale_gives_the_conditional_spread(phi):
    """std = phi std(c) + (1 - phi) std(guided), in each example; the direction stays."""
    c, g, x = rows(seed=1), 3 * rows(seed=2) + 1, rows()
    got = rescale(constant(g), constant(c), phi=phi)(x, torch.tensor(0.5))
    std = [v.flatten(1).std(1) for v in (got, c, g)]
    assert torch.allclose(std[0], phi * std[1] + (1 - phi) * std[2])
    assert torch.allclose(got / got[:, :1, :1], g / g[:, :1, :1])


def test_rescaling_a_constant_leaves_it():
    flat = torch.full((3, 2, 5), 2.0)
    assert torch.equal(rescale(constant(flat), constant(rows()))(rows(), torch.tensor(0.5)), flat)
