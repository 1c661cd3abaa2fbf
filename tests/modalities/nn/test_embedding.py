"""The condition vector: bounded features that tell close noise levels apart, and one row for «no label»."""

import torch

from modalities.nn.embedding import FREQUENCIES, Condition, fourier


def test_features_have_mean_square_one_and_resolve_a_hundredth():
    t = torch.linspace(-2.5, 2.5, 501)
    features = fourier(t)
    assert features.shape == (501, 2 * FREQUENCIES)
    torch.testing.assert_close(features.square().mean(dim=1), torch.ones(501))
    apart = (features[1:] - features[:-1]).square().mean(dim=1).sqrt()
    assert apart.min() > 0.05  # neighbours differ by 5 % of the features' size ...
    far = torch.cdist(features, features) / features.shape[1] ** 0.5
    assert far[torch.cdist(t[:, None], t[:, None]) > 0.2].min() > 0.3  # ... and no two levels look alike


def test_minus_one_missing_and_none_are_the_last_row():
    condition = Condition(16, classes=3)
    t = torch.zeros(2)
    null = condition(t, {"label": torch.tensor([-1, -1])})
    assert torch.equal(condition(t, None), null)
    assert torch.equal(condition(t, {}), null)
    with torch.no_grad():
        condition.label.weight[3] += 1.0
    assert not torch.equal(condition(t, None), null)
    given = condition(t, {"label": torch.tensor([0, 2])})
    assert not torch.equal(given[0], given[1])


def test_without_classes_labels_are_ignored():
    condition = Condition(16, classes=0)
    t = torch.randn(2)
    assert torch.equal(condition(t, {"label": torch.tensor([5, 1])}), condition(t, None))
