"""Streaming moments against numpy's over all rows at once."""

import numpy as np
import pytest
import torch

from core.distances import Moments


@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_parts_in_any_order_give_the_moments_of_the_whole(offset: float) -> None:
    rows = torch.randn(97, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) @ torch.randn(
        5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    rows = rows + offset
    left, right = Moments.empty(5), Moments.empty(5)
    for part in rows[:40].split(7):
        left.add(part)
    for part in rows[40:].split(11):
        right.add(part)
    right.merge(left)
    right.merge(Moments.empty(5))
    assert right.count == 97
    tolerance = 1e-12 + offset * 1e-15  # float64 of a value of size `offset`
    assert torch.allclose(right.mean, torch.from_numpy(np.mean(rows.numpy(), 0)), rtol=0, atol=10 * tolerance)
    assert torch.allclose(right.covariance, torch.from_numpy(np.cov(rows.numpy().T)), rtol=0, atol=1e2 * tolerance)


def test_features_are_summed_in_float64() -> None:
    """In float32 a mean of 4096 with a spread of 1e-3 has no spread left."""
    rows = (4096 + 1e-3 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).double()
    stream = Moments.empty(2)
    for part in rows.split(8):
        stream.add(part)
    assert stream.covariance.diagonal().sqrt().mean() == pytest.approx(float(rows.std(0).mean()), rel=1e-6)


def test_refuses_other_widths_and_what_is_not_finite() -> None:
    stream = Moments.empty(3)
    with pytest.raises(ValueError, match="width 3"):
        stream.add(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="not finite"):
        stream.add(torch.tensor([[0.0, 1.0, float("nan")]]))
    with pytest.raises(ValueError, match="at least 2"):
        stream.covariance  # noqa: B018
