"""Dynamic thresholding: the paper's clip and divide, by torch's quantile."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.guidance.dynamic_threshold import dynamic_threshold
from tests.core.guidance.models import constant, rows


def test_dynamic_threshold_is_the_papers_clip_and_divide():
    """Saharia et al. 2022, fig. A.10: s is the quantile of |x0|, at least 1; x0 = clip(x0, -s, s) / s."""
    wild, tame = 4 * rows(seed=1), rows(seed=2).clamp(-1, 1)
    s = torch.quantile(wild.abs().flatten(1), 0.9, dim=1)[:, None, None]
    t = torch.tensor(0.5)
    assert torch.allclose(
        dynamic_threshold(constant(wild), quantile=0.9)(wild, t), wild.clamp(-s, s) / s, rtol=1e-14, atol=0
    )
    assert torch.equal(dynamic_threshold(constant(tame))(tame, t), tame)
    assert dynamic_threshold(constant(wild), limit=0.5)(wild, t).abs().amax().item() == pytest.approx(0.5)


@given(st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_quantile_is_torchs(n, q, seed):
    from core.guidance.dynamic_threshold import _quantile

    values = torch.rand(2, n, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(_quantile(values, q), values.quantile(q, dim=1), rtol=1e-12, atol=1e-14)
