"""The oracle itself: density, score and denoiser against each other and against quadrature."""

import math

import pytest
import torch

from core.analytic import Mixture, Mixture1D
from core.discover import build, names
from core.schedule import diffuse, velocities

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)


@pytest.fixture
def plane(generator):
    """Three components in R^3 with full covariances, one of them singular: data on a plane."""
    roots = torch.randn(3, 3, 3, generator=generator)
    roots[2, :, 2] = 0
    mean = 2 * torch.randn(3, 3, generator=generator)
    return Mixture(torch.tensor([0.2, 0.5, 0.3]), mean, roots @ roots.mT)


@schedules
def test_score_is_the_gradient_of_the_density(schedule, plane, two_modes, generator):
    t = torch.tensor([0.1, 0.4, 0.7, 0.95]) * schedule.t_max
    for data, shape in ((plane, (4, 3)), (two_modes, (4,))):
        x = torch.randn(shape, generator=generator).requires_grad_()
        (gradient,) = torch.autograd.grad(data.log_density(schedule, x, t).sum(), x)
        assert torch.allclose(data.score(schedule, x, t), gradient, rtol=1e-9, atol=1e-12)


@schedules
def test_denoiser_is_tweedies_formula(schedule, plane, two_modes, generator):
    """E[x0 | x_t] = (x_t + sigma^2 score) / alpha (Efron 2011)."""
    t = torch.tensor([0.1, 0.4, 0.7, 0.95]) * schedule.t_max
    for data, shape in ((plane, (4, 3)), (two_modes, (4,))):
        x = torch.randn(shape, generator=generator)
        alpha, sigma = (c.reshape((4,) + (1,) * (x.ndim - 1)) for c in (schedule.alpha(t), schedule.sigma(t)))
        want = (x + sigma**2 * data.score(schedule, x, t)) / alpha
        assert torch.allclose(data.denoise(schedule)(x, t), want, rtol=1e-8)


def test_denoiser_is_the_posterior_mean_by_quadrature(two_modes):
    """Bayes' rule on a grid of x0, no formula shared with the implementation but the mixture itself."""
    schedule, t, x = build("core.schedules", "cosine"), torch.tensor(0.6), torch.tensor([-1.2, 0.1, 0.9])
    x0 = torch.linspace(-6, 6, 20_001)
    z = (x0[:, None] - two_modes.mean) / two_modes.std
    prior = (two_modes.weight / two_modes.std * torch.exp(-(z**2) / 2)).sum(-1)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    posterior = prior * torch.exp(-(((x[:, None] - alpha * x0) / sigma) ** 2) / 2)
    want = (posterior * x0).sum(-1) / posterior.sum(-1)
    assert torch.allclose(two_modes.denoise(schedule)(x, t), want, rtol=1e-9)


def test_density_integrates_to_one_and_to_the_cdf(two_modes):
    schedule, t = build("core.schedules", "edm"), torch.tensor(0.7)
    x = torch.linspace(-9, 9, 20_001)
    density = two_modes.log_density(schedule, x, t).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, rel=1e-9)
    steps = torch.cumulative_trapezoid(density, x)
    assert torch.allclose(steps, two_modes.cdf(schedule, x[1:], t), atol=1e-7)


def test_one_dimension_is_the_same_in_both(two_modes, generator):
    both = Mixture(two_modes.weight, two_modes.mean[:, None], two_modes.std[:, None, None] ** 2)
    schedule, t, x = build("core.schedules", "linear"), torch.tensor(0.3), torch.randn(5, generator=generator)
    assert torch.allclose(both.denoise(schedule)(x[:, None], t)[:, 0], two_modes.denoise(schedule)(x, t))
    assert torch.allclose(both.log_density(schedule, x[:, None], t), two_modes.log_density(schedule, x, t))


@schedules
def test_flow_map_solves_the_ode(schedule, two_modes):
    """d flow / ds at s is the velocity there, by central differences; and at s = t the flow is the identity."""
    x, t = torch.linspace(-1.5, 1.5, 7), torch.tensor(0.5) * schedule.t_max
    s, h = torch.tensor(0.3) * schedule.t_max, 1e-4 * schedule.t_max
    y = two_modes.flow(schedule, x, t, s)
    slope = (two_modes.flow(schedule, x, t, s + h) - two_modes.flow(schedule, x, t, s - h)) / (2 * h)
    assert torch.allclose(slope, velocities(two_modes.denoise(schedule), schedule, s[None])(y, 0), rtol=1e-5, atol=1e-6)
    assert torch.allclose(two_modes.flow(schedule, x, t, t), x, atol=1e-9)


def test_samples_have_the_stated_moments(plane, two_modes, generator):
    """Within five standard errors, bounded by the fourth moment of a Gaussian of the same covariance or more peaked."""
    n = 40_000
    x = plane.sample(n, generator)
    mean, cov = plane.moments()
    spread = torch.sqrt(cov.diagonal())
    assert ((x.mean(0) - mean).abs() < 5 * spread / math.sqrt(n)).all()
    assert ((x.T.cov() - cov).abs() < 5 * math.sqrt(2 / n) * spread[:, None] * spread).all()
    y = two_modes.sample((n // 4, 4), generator)
    mean, variance = two_modes.moments()
    assert y.mean().item() == pytest.approx(mean.item(), abs=5 * math.sqrt(variance / n))
    assert y.var().item() == pytest.approx(variance.item(), rel=5 * math.sqrt(2 / n))


def test_data_on_a_line_stays_on_it(generator):
    """The eigenvalues of a singular covariance come out as -3e-16; their roots must not be NaN."""
    diagonal = Mixture(torch.ones(1), torch.zeros(1, 3), torch.ones(1, 3, 3))
    x = diagonal.sample(10, generator)
    assert torch.allclose(x, x.mean(1, keepdim=True).expand(10, 3), atol=1e-12)
    assert x.std() > 0.1


def test_noised_samples_have_the_stated_marginal(two_modes, generator):
    """The share of x_t below q is the CDF at q: ties `sample`, `diffuse` and `cdf` together."""
    schedule, t, n = build("core.schedules", "rectified"), torch.tensor(0.4), 40_000
    x0 = two_modes.sample((n,), generator)
    x = diffuse(schedule, x0, t, torch.randn(n, generator=generator))
    q = torch.tensor([-1.0, 0.0, 0.5, 1.0])
    share, want = (x[:, None] <= q).double().mean(0), two_modes.cdf(schedule, q, t)
    assert ((share - want).abs() < 5 * torch.sqrt(want * (1 - want) / n)).all()


def test_oracle_of_an_event_of_any_shape_is_elementwise(two_modes, generator):
    schedule, t = build("core.schedules", "cosine"), torch.tensor([0.2, 0.7])
    x = torch.randn(2, 3, 4, generator=generator)
    got = two_modes.denoise(schedule)(x, t)
    assert torch.allclose(got[1, 2], two_modes.denoise(schedule)(x[1, 2], t[1]))


def test_pure_noise_denoises_to_the_mean(plane, two_modes):
    schedule, t = build("core.schedules", "rectified"), torch.tensor(1.0)
    assert torch.allclose(plane.denoise(schedule)(torch.ones(1, 3), t)[0], plane.moments()[0])
    assert two_modes.denoise(schedule)(torch.ones(1), t).item() == pytest.approx(two_modes.moments()[0].item())


def test_one_component_is_linear_regression():
    """N(1, 0.5^2) at alpha = 1, sigma = 0.5: halfway between the mean and x."""
    one = Mixture1D(torch.ones(1), torch.ones(1), torch.tensor([0.5]))
    got = one.denoise(build("core.schedules", "edm"))(torch.tensor([3.0]), torch.tensor(0.5))
    assert got.item() == pytest.approx(2.0)


def log_normal_density(x, mean, cov):
    """log N(x; mean, cov) by torch.distributions: no line shared with the oracle."""
    return torch.distributions.MultivariateNormal(mean, cov).log_prob(x)


def test_posterior_is_bayes_rule(plane, generator):
    """log p(x0 | y) - log p(x0) - log p(y | x0) is the same number, -log p(y), at every x0; and p(y) is the mixture's
    own density seen through A. One component is made regular: a density on a plane has none in R^3."""
    data = Mixture(plane.weight, plane.mean, plane.cov + 0.1 * torch.eye(3))
    A, y, noise_std = torch.randn(2, 3, generator=generator), torch.randn(2, generator=generator), 0.3
    x0, edm, clean = torch.randn(50, 3, generator=generator), build("core.schedules", "edm"), torch.tensor(0.0)
    likelihood = log_normal_density(y - x0 @ A.T, torch.zeros(2), noise_std**2 * torch.eye(2))
    posterior = data.posterior(A, y, noise_std)
    gap = posterior.log_density(edm, x0, clean) - data.log_density(edm, x0, clean) - likelihood
    seen = log_normal_density(y, data.mean @ A.T, A @ data.cov @ A.T + noise_std**2 * torch.eye(2))
    evidence = (data.weight.log() + seen).logsumexp(0)
    assert torch.allclose(gap, -evidence.expand(50), rtol=1e-10)


def test_posterior_of_everything_seen_is_the_observation(plane):
    """Noise-free A = I leaves a point, and rows of A = I leave the regression on them."""
    data = Mixture(plane.weight[:1], plane.mean[:1], plane.cov[:1])
    y = torch.tensor([0.3, -0.2, 1.0])
    exact = data.posterior(torch.eye(3), y, 0.0)
    assert torch.allclose(exact.mean[0], y)
    assert exact.cov.abs().max() < 1e-12
    known = data.posterior(torch.eye(3)[:1], y[:1], 0.0)
    slope = data.cov[0, 1:, 0] / data.cov[0, 0, 0]
    assert torch.allclose(known.mean[0], torch.cat([y[:1], data.mean[0, 1:] + slope * (y[0] - data.mean[0, 0])]))
    assert torch.allclose(known.cov[0, 1:, 1:], data.cov[0, 1:, 1:] - slope[:, None] * data.cov[0, 0, 1:])
    assert known.cov[0, 0].abs().max() < 1e-12


def test_posterior_under_the_noise_of_diffusion_is_the_denoiser(plane, generator):
    """x_t is the observation A = alpha I with noise_std = sigma: its posterior mean is the denoiser's answer."""
    schedule, t = build("core.schedules", "cosine"), torch.tensor(0.4)
    x = torch.randn(4, 3, generator=generator)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t).item()
    want = torch.stack([plane.posterior(alpha * torch.eye(3), row, sigma).moments()[0] for row in x])
    assert torch.allclose(plane.denoise(schedule)(x, t), want, rtol=1e-10)


@pytest.mark.parametrize(
    ("A", "y", "noise_std", "line"),
    [
        (torch.ones(2, 4), torch.ones(2), 1.0, r"posterior: needs A \(M, 3\) and y \(M,\), got \(2, 4\) and \(2,\)"),
        (torch.ones(2, 3), torch.ones(1), 1.0, r"posterior: needs A \(M, 3\) and y \(M,\), got \(2, 3\) and \(1,\)"),
        (torch.ones(2, 3), torch.ones(2), -1.0, "posterior: noise_std must not be negative, got -1.0"),
        (torch.ones(2, 3), torch.ones(2), 0.0, "posterior: A C A.T . noise_std.2 I is singular at noise_std 0.0"),
    ],
)
def test_posterior_of_what_does_not_fit_is_refused(A, y, noise_std, line, plane):
    with pytest.raises(ValueError, match=line):
        plane.posterior(A.double(), y.double(), noise_std)
