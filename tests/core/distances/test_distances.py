"""Distances against closed forms, against torch-fidelity's arithmetic on the same features, and against definitions."""

import math

import pytest
import torch
from torch import Tensor

from core.distances import (
    Gaussian,
    Moments,
    Nearest,
    class_score,
    fidelity_and_diversity,
    frechet_distance,
    kernel_distance,
    kernel_subsets,
    line_distance,
)
from core.distances import neighbours as neighbours_module


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(rows: Tensor) -> Gaussian:
    return Gaussian.of(Moments.of(rows))


def test_frechet_of_commuting_gaussians_is_the_closed_form() -> None:
    """With one eigenbasis, d = |m_a - m_b|^2 + sum (sqrt a_i - sqrt b_i)^2; here one covariance is singular."""
    basis = torch.linalg.qr(normal(6, 6)).Q
    a, b = torch.tensor([4.0, 1, 0, 9, 2, 0]).double(), torch.tensor([1.0, 1, 4, 0, 3, 0]).double()
    mean = normal(6, seed=1)
    first = Gaussian(mean, basis @ a.diag() @ basis.T)
    second = Gaussian(mean + 0.5, basis @ b.diag() @ basis.T)
    expected = 6 * 0.25 + float((a.sqrt() - b.sqrt()).square().sum())
    assert frechet_distance(first, second) == pytest.approx(expected, abs=1e-6)  # sqrt of a zero known to 1e-15
    assert frechet_distance(second, first) == pytest.approx(expected, abs=1e-6)


def test_frechet_estimate_is_too_large_by_one_over_n() -> None:
    """Of n draws from one Gaussian against itself the distance falls as 1 / n: the reason why counts must agree."""
    exact = Gaussian(torch.zeros(4).double(), torch.eye(4).double())
    found = [
        sum(frechet_distance(exact, gaussian(normal(n, 4, seed=s))) for s in range(40)) / 40 for n in (100, 200, 400)
    ]
    assert found[0] / found[1] == pytest.approx(2, rel=0.2)
    assert found[1] / found[2] == pytest.approx(2, rel=0.2)


def test_frechet_is_torch_fidelitys() -> None:
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    a, b = normal(80, 12) @ normal(12, 12, seed=5), normal(70, 12, seed=2) + 0.3
    theirs = fid.fid_statistics_to_metric(fid.fid_features_to_statistics(a), fid.fid_features_to_statistics(b), False)
    assert frechet_distance(gaussian(a), gaussian(b)) == pytest.approx(theirs[fid.KEY_METRIC_FID], rel=1e-10)


def test_frechet_refuses_two_widths() -> None:
    with pytest.raises(ValueError, match="widths 3 and 4"):
        frechet_distance(gaussian(normal(9, 3)), gaussian(normal(9, 4)))


def moment(k: int, mean: float, std: float) -> float:
    return [1, mean, mean**2 + std**2, mean**3 + 3 * mean * std**2][k]


def test_kernel_distance_has_the_closed_form_of_two_normals_and_its_error() -> None:
    """In one dimension (x y + 1)^3 = sum_k C(3, k) x^k y^k, so d = sum_k C(3, k) (m_k - m'_k)^2 of the raw moments."""
    expected = sum(math.comb(3, k) * (moment(k, 0, 1) - moment(k, 0.3, 1.2)) ** 2 for k in range(1, 4))
    found = [
        kernel_distance(normal(300, 1, seed=s), 0.3 + 1.2 * normal(400, 1, seed=1000 + s), groups=10) for s in range(60)
    ]
    values = torch.tensor([estimate.value for estimate in found])
    assert abs(float(values.mean()) - expected) < 3 * float(values.std()) / math.sqrt(60)
    errors = torch.tensor([estimate.standard_error for estimate in found])
    assert float(errors.square().mean().sqrt()) == pytest.approx(float(values.std()), rel=0.3)


def test_kernel_distance_is_without_bias_where_the_distributions_agree() -> None:
    found = [kernel_distance(normal(60, 3, seed=s), normal(50, 3, seed=500 + s), groups=2) for s in range(150)]
    values = torch.tensor([estimate.value for estimate in found])
    assert abs(float(values.mean())) < 3 * float(values.std()) / math.sqrt(150)
    assert values.min() < 0 < values.max()


def test_kernel_distances_are_torch_fidelitys() -> None:
    kid = pytest.importorskip("torch_fidelity.metric_kid")
    a, b = normal(60, 7), 0.2 + normal(60, 7, seed=1)
    settings = {"kid_kernel": "poly", "kid_subsets": 1, "kid_subset_size": 60, "verbose": False}
    theirs = kid.kid_features_to_metric(a, b, **settings)[kid.KEY_METRIC_KID_MEAN]
    assert kernel_distance(a, b).value == pytest.approx(theirs, rel=1e-10)
    whole = kernel_subsets(a, b, subsets=3, size=60, generator=torch.Generator().manual_seed(0))
    assert whole.tolist() == pytest.approx([theirs] * 3, rel=1e-10)


def test_kernel_subsets_scatter_about_the_whole() -> None:
    a, b = normal(200, 3), 0.5 + normal(200, 3, seed=1)
    parts = kernel_subsets(a, b, subsets=200, size=50, generator=torch.Generator().manual_seed(0))
    assert float(parts.mean()) == pytest.approx(kernel_distance(a, b).value, abs=4 * float(parts.std()) / 200**0.5)
    with pytest.raises(ValueError, match="size 2 to 200"):
        kernel_subsets(a, b, size=201, generator=torch.Generator())


def test_precision_and_recall_are_torch_fidelitys(monkeypatch: pytest.MonkeyPatch) -> None:
    prc = pytest.importorskip("torch_fidelity.metric_prc")
    monkeypatch.setattr(neighbours_module, "BLOCK", 16)
    fake, real = 0.8 * normal(90, 4), normal(70, 4, seed=1)
    precision, recall = prc.calculate_precision_recall_full(fake, real)
    found = fidelity_and_diversity(fake, real)
    assert float(found.precision.mean()) == pytest.approx(precision)
    assert float(found.recall.mean()) == pytest.approx(recall)


def test_density_and_coverage_follow_their_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_module, "BLOCK", 16)
    fake, real = normal(50, 2), normal(40, 2, seed=1)
    found = fidelity_and_diversity(fake, real, k_density=5)
    apart = torch.cdist(fake, real)
    radius = torch.cdist(real, real).sort(1).values[:, 5]
    assert torch.equal(found.density, (apart <= radius).sum(1).double() / 5)
    assert torch.equal(found.coverage, (apart.amin(0) <= radius).double())


def test_coverage_and_density_of_one_distribution_have_their_expectation() -> None:
    """Naeem et al. 2020, sec. 3.3: density 1, coverage 1 - prod (M-1-i)/(2M-1-i), about 1 - 2^-k."""
    many = [fidelity_and_diversity(normal(300, 3, seed=s), normal(300, 3, seed=99 + s)) for s in range(20)]
    density = torch.stack([found.density.mean() for found in many])
    coverage = torch.stack([found.coverage.mean() for found in many])
    expected = 1 - math.prod((300 - 1 - i) / (600 - 1 - i) for i in range(5))
    assert float(density.mean()) == pytest.approx(1, abs=4 * float(density.std()) / 20**0.5)
    assert float(coverage.mean()) == pytest.approx(expected, abs=4 * float(coverage.std()) / 20**0.5)


def test_dropped_modes_cost_recall_and_blur_costs_precision() -> None:
    modes = torch.randint(4, (400,), generator=torch.Generator().manual_seed(3))
    centres = torch.tensor([[0.0, 0], [9, 0], [0, 9], [9, 9]]).double()
    real = centres[modes] + normal(400, 2)
    one_mode = fidelity_and_diversity(normal(400, 2, seed=7), real)
    assert float(one_mode.precision.mean()) > 0.9
    assert float(one_mode.recall.mean()) < 0.35
    assert float(one_mode.coverage.mean()) < 0.35
    wide = fidelity_and_diversity(4.5 + 7 * normal(400, 2, seed=8), real)
    assert float(wide.precision.mean()) < 0.5 < 0.8 < float(wide.recall.mean())


def test_too_few_for_neighbours() -> None:
    with pytest.raises(ValueError, match="at least 6 examples of each, got 5 and 9"):
        fidelity_and_diversity(normal(5, 2), normal(9, 2))


def test_nearest_in_a_stream_is_the_nearest_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_module, "BLOCK", 4)
    queries, stream = normal(11, 3), normal(50, 3, seed=1)
    nearest = Nearest(queries, k=2)
    for part in stream.split(13):
        nearest.add(part)
    expected = torch.cdist(queries, stream).sort(1)
    assert torch.equal(nearest.index, expected.indices[:, :2])
    assert torch.allclose(nearest.squared.sqrt(), expected.values[:, :2])


def test_class_score_has_its_ends_and_is_torch_fidelitys() -> None:
    assert float(class_score(torch.eye(5).repeat(4, 1))) == pytest.approx(5)
    assert float(class_score(torch.full((8, 5), 0.2))) == pytest.approx(1)
    assert float(class_score(torch.eye(5)[[0] * 8])) == pytest.approx(1)
    isc = pytest.importorskip("torch_fidelity.metric_isc")
    logits = 2 * normal(100, 6)
    theirs = isc.isc_features_to_metric(logits, splits=4, shuffle=False)
    found = class_score(logits.softmax(1), splits=4)
    assert float(found.mean()) == pytest.approx(theirs[isc.KEY_METRIC_ISC_MEAN], rel=1e-10)
    with pytest.raises(ValueError, match="1 to 100 splits"):
        class_score(logits.softmax(1), splits=101)


def test_line_distance_of_a_shift_is_the_shift_and_of_a_scale_its_mean() -> None:
    a = normal(101)
    assert line_distance(a, a + 0.7) == pytest.approx(0.7)
    assert line_distance(a, 3 * a) == pytest.approx(2 * float(a.abs().mean()))
    assert line_distance(torch.tensor([0.0, 1]), torch.tensor([0.0, 0, 1])) == pytest.approx(1 / 6)
    scipy = pytest.importorskip("scipy.stats")
    b = 0.3 + normal(57, seed=4)
    assert line_distance(a, b) == pytest.approx(scipy.wasserstein_distance(a.numpy(), b.numpy()))
