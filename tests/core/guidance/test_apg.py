"""APG: its split along the prediction, its bound of the norm, and a momentum that ends with the run."""

import torch

from core.guidance.apg import apg
from core.guidance.classifier_free import classifier_free
from tests.core.guidance.models import constant, rows


def test_apg_with_eta_one_is_classifier_free():
    c, u, x, t = constant(rows(seed=1)), constant(rows(seed=2)), rows(), torch.tensor(0.5)
    assert torch.allclose(apg(c, u, scale=4.0, eta=1.0)(x, t), classifier_free(c, u, scale=4.0)(x, t))


def test_apg_splits_along_the_conditional_prediction():
    """With eta = 0 what is added is orthogonal to x0_hat; with eta, the parallel part is eta of classifier-free's."""
    c, u, x, t = rows(seed=1), rows(seed=2), rows(), torch.tensor(0.5)
    dot = lambda a, b: (a * b).flatten(1).sum(1)  # noqa: E731
    full = dot(classifier_free(constant(c), constant(u), scale=4.0)(x, t) - c, c)
    for eta in (0.0, 0.3):
        added = apg(constant(c), constant(u), scale=4.0, eta=eta)(x, t) - c
        assert torch.allclose(dot(added, c), eta * full, atol=1e-12)
        assert dot(added, added).min() > 1


def test_apg_bounds_the_norm():
    """||added|| = (scale - 1) min(||gap||, r) with eta = 1: here one example lies below the threshold."""
    gap = rows(seed=2)
    gap[0] *= 0.1
    c, x, t = rows(seed=1), rows(), torch.tensor(0.5)
    added = apg(constant(c), constant(c - gap), scale=3.0, eta=1.0, norm_threshold=1.5)(x, t) - c
    norms = [v.flatten(1).norm(dim=1) for v in (added, gap)]
    assert torch.allclose(norms[0], 2 * norms[1].clamp_max(1.5))
    assert norms[1].min() < 1.5 < norms[1].max()


def test_apg_momentum_is_a_geometric_sum_and_ends_with_the_run():
    """A constant gap g becomes g (1 - m^n) / (1 - m) in the n-th call. A second run starts from nothing; so does one of
    another batch; and two denoisers know nothing of each other."""
    c, u, m = torch.ones(3, 2), torch.zeros(3, 2), -0.5
    make = lambda: apg(constant(c), constant(u), scale=2.0, eta=1.0, momentum=m)  # noqa: E731
    guided, other = make(), make()
    want = [1 + (1 - m**n) / (1 - m) for n in (1, 2, 3)]
    for run in range(2):
        for t, value in zip(torch.tensor([0.9, 0.5, 0.1]), want, strict=True):
            got = guided(torch.zeros(3, 2), t)
            assert torch.allclose(got, torch.full((3, 2), value)), run
    assert torch.allclose(other(torch.zeros(3, 2), torch.tensor(0.5)), torch.full((3, 2), want[0]))
    assert torch.allclose(
        apg(lambda x, t: 1 + 0 * x, lambda x, t: 0 * x, scale=2.0, eta=1.0, momentum=m)(
            torch.zeros(5), torch.tensor(0.1)
        ),
        torch.full((5,), 2.0),
    )
