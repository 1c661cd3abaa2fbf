"""The oracles of more dimensions against each other: flow maps, a Gaussian of low rank, a set of points."""

import math

import pytest
import torch

from core.analytic import LowRank, Mixture, Points
from core.discover import build, names
from core.ode import CIRCLE, flow, integrate
from core.schedule import log_snr, velocities

SCHEDULES = [build("core.schedules", n) for n in names("core.schedules")]
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
EDM, COSINE = build("core.schedules", "edm"), build("core.schedules", "cosine")
T, CLEAN = torch.tensor([0.6, 0.0], dtype=torch.float64)


@pytest.fixture
def cloud(generator):
    """Three overlapping components in R^3 with full covariances, the last of rank 2."""
    roots = torch.randn(3, 3, 3, generator=generator)
    roots[2, :, 2] = 0
    return Mixture(torch.tensor([0.2, 0.5, 0.3]), 2 * torch.randn(3, 3, generator=generator), roots @ roots.mT)


@pytest.fixture
def low_rank(generator):
    """Events (2, 3) with two factors, and the same law as one component with a full covariance."""
    factor = torch.randn(2, 2, 3, generator=generator)
    mean, flat = torch.randn(2, 3, generator=generator), factor.flatten(1)
    full = Mixture(torch.ones(1), mean.reshape(1, 6), (flat.T @ flat + 0.3**2 * torch.eye(6))[None])
    return LowRank(mean, factor, 0.3), full


def test_integration_reaches_its_tolerance_in_both_directions():
    """A rotation by 10 radians is an identity of cos and sin, and comes back."""

    def rotate(y, t):
        return torch.stack([-y[1], y[0]])

    there = integrate(rotate, torch.tensor([1.0, 0.0]), 0.0, 10.0, tolerance=1e-12)
    assert torch.allclose(there, torch.tensor([math.cos(10), math.sin(10)]), rtol=0, atol=1e-10)
    back = integrate(rotate, there, 10.0, 0.0, tolerance=1e-12)
    assert torch.allclose(back, torch.tensor([1.0, 0.0]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_a_step_is_of_order_two_per_column(columns):
    """The first of eight steps on exp, which the slope is shown at its end: its error falls by 2^(2k + 1) with h."""

    def first_step(h):
        shown = []
        integrate(lambda y, t: shown.append((t, y)) or y, torch.ones(1), 0.0, 8 * h, tolerance=1e9, columns=columns)
        cost = columns**2 + 1
        assert shown[cost][0] == h
        assert all(t < h for t, _ in shown[:cost])
        return abs(shown[cost][1].item() / math.exp(h) - 1)

    assert math.log2(first_step(0.5) / first_step(0.25)) == pytest.approx(2 * columns + 1, abs=0.4)


def test_integration_gives_up_in_one_line():
    with pytest.raises(ArithmeticError, match="integrate: no step is small enough for tolerance 1e-10 at t = 0"):
        integrate(lambda y, t: y * math.nan, torch.ones(1), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"integrate: needs tolerance > 0 and columns >= 2, got 0.0 and 6"):
        integrate(lambda y, t: y, torch.ones(1), 0.0, 1.0, tolerance=0.0)


@schedules
def test_flow_of_several_dimensions_is_that_of_each(schedule, two_modes):
    """Against the distribution function on the line, from the noisy end to the data and back: to 1e-9 of x."""
    line = Mixture(two_modes.weight, two_modes.mean[:, None], two_modes.std[:, None, None] ** 2)
    t = torch.tensor(schedule.t_max)
    scale = torch.hypot(schedule.alpha(t), schedule.sigma(t))
    x = torch.linspace(-2, 2, 7) * scale
    y = line.flow(schedule, x[:, None], t, CLEAN)
    assert torch.allclose(y[:, 0], two_modes.flow(schedule, x, t, CLEAN), rtol=0, atol=1e-9)
    assert torch.allclose(line.flow(schedule, y, CLEAN, t)[:, 0], x, rtol=0, atol=1e-9 * scale.item())


@pytest.mark.parametrize("schedule", [EDM, COSINE, build("core.schedules", "rectified")], ids=str)
def test_closed_form_flow_is_the_integrated_one(schedule, cloud, generator):
    """One component, a plane in R^3: closed form, against the ODE of its denoiser."""
    one = Mixture(torch.ones(1), cloud.mean[2:], cloud.cov[2:])
    x = torch.randn(5, 3, generator=generator) * schedule.sigma(torch.tensor(schedule.t_max))
    for s in (0.4 * schedule.t_max, 0.0):
        ends = torch.tensor(schedule.t_max), torch.tensor(s)
        want = flow(one.denoise(schedule), schedule, x, *ends, tolerance=1e-11)
        assert torch.allclose(one.flow(schedule, x, *ends), want, rtol=1e-8, atol=1e-9)


def test_flow_of_a_mixture_solves_the_ode(cloud, generator):
    """d flow / ds is the velocity, by central differences; a flow by way of a third time is the same flow."""
    x, t, s, h = torch.randn(6, 3, generator=generator), T, torch.tensor(0.2), 1e-3
    after, before, y = (cloud.flow(COSINE, x, t, s + d, tolerance=1e-9) for d in (h, -h, 0))
    velocity = velocities(cloud.denoise(COSINE), COSINE, s[None])(y, 0)
    assert torch.allclose((after - before) / (2 * h), velocity, rtol=1e-4, atol=1e-4)
    between = cloud.flow(COSINE, x, t, torch.tensor(0.4), tolerance=1e-9)
    assert torch.allclose(cloud.flow(COSINE, between, torch.tensor(0.4), s, tolerance=1e-9), y, rtol=0, atol=1e-7)


def test_flow_carries_samples_of_the_marginal_to_the_data(cloud, generator):
    """Mean and covariance of 1000 draws of the exact marginal, after the flow, within five standard errors."""
    n = 1000
    x0, t = cloud.sample(n, generator), torch.tensor(0.9)
    x = COSINE.alpha(t) * x0 + COSINE.sigma(t) * torch.randn(n, 3, generator=generator)
    y = cloud.flow(COSINE, x, t, CLEAN, tolerance=1e-4)
    mean, cov = cloud.moments()
    spread = cov.diagonal().sqrt()
    assert ((y.mean(0) - mean).abs() < 5 * spread / math.sqrt(n)).all()
    assert ((y.T.cov() - cov).abs() < 5 * math.sqrt(2 / n) * spread[:, None] * spread).all()


def test_diagonal_covariances_take_the_short_way_to_the_same_numbers(generator):
    """A rotation by 1e-300 forces the general way."""
    mean, variance = torch.randn(2, 3, generator=generator), torch.rand(2, 3, generator=generator)
    short = Mixture(torch.tensor([0.4, 0.6]), mean, torch.diag_embed(variance))
    cov = short.cov.clone()
    cov[:, 0, 1] = cov[:, 1, 0] = 1e-300
    full = Mixture(short.weight, mean, cov)
    x = torch.randn(4, 3, generator=generator)
    assert short._axes[1] is None
    assert full._axes[1] is not None
    assert torch.allclose(short.denoise(COSINE)(x, T), full.denoise(COSINE)(x, T), rtol=1e-12)
    assert torch.allclose(short.score(COSINE, x, T), full.score(COSINE, x, T), rtol=1e-12)
    assert torch.allclose(short.log_density(COSINE, x, T), full.log_density(COSINE, x, T), rtol=1e-12)
    seeds = [torch.Generator().manual_seed(3) for _ in range(2)]
    draws = short.sample(20_000, seeds[0])
    assert torch.allclose(draws.var(0), full.sample(20_000, seeds[1]).var(0), rtol=0.1)


@schedules
def test_low_rank_is_a_gaussian_with_that_covariance(schedule, low_rank, generator):
    small, full = low_rank
    t = torch.tensor([0.2, 0.5, 0.9]) * schedule.t_max
    x = torch.randn(3, 2, 3, generator=generator)
    flat = x.reshape(3, 6)
    assert torch.allclose(small.log_density(schedule, x, t), full.log_density(schedule, flat, t), rtol=1e-10)
    assert torch.allclose(small.score(schedule, x, t).reshape(3, 6), full.score(schedule, flat, t), rtol=1e-9)
    assert torch.allclose(small.denoise(schedule)(x, t).reshape(3, 6), full.denoise(schedule)(flat, t), rtol=1e-9)
    moved = small.flow(schedule, x, t[1], CLEAN).reshape(3, 6)
    assert torch.allclose(moved, full.flow(schedule, flat, t[1], CLEAN), rtol=1e-9)
    mean, variance = small.moments()
    assert torch.allclose(mean.flatten(), full.moments()[0])
    assert torch.allclose(variance.flatten(), full.moments()[1].diagonal())


def test_low_rank_of_full_or_higher_rank_has_no_rest(generator):
    """Five factors in R^3, without white noise: every axis is along a factor."""
    factor = torch.randn(5, 3, generator=generator)
    small, full = (
        LowRank(torch.zeros(3), factor, 0.0),
        Mixture(torch.ones(1), torch.zeros(1, 3), (factor.T @ factor)[None]),
    )
    x = torch.randn(4, 3, generator=generator)
    assert torch.allclose(small.log_density(EDM, x, CLEAN), full.log_density(EDM, x, CLEAN), rtol=1e-10)
    assert torch.allclose(small.denoise(COSINE)(x, T), full.denoise(COSINE)(x, T), rtol=1e-10)


def test_low_rank_in_thousands_of_dimensions(generator):
    """d = 3 x 32 x 32. Along a factor of length c among orthogonal ones the answer is scalar regression; a draw has the
    log density of its chi-squared within five standard deviations."""
    basis = torch.linalg.qr(torch.randn(3072, 4, generator=generator)).Q.T.reshape(4, 3, 32, 32)
    data = LowRank(torch.ones(3, 32, 32), 20 * basis, 0.1)
    alpha, sigma = COSINE.alpha(T), COSINE.sigma(T)
    x = (alpha * data.mean + 7 * basis[1])[None]
    variance = 20**2 + 0.1**2
    want = data.mean + alpha * variance / (alpha**2 * variance + sigma**2) * 7 * basis[1]
    assert torch.allclose(data.denoise(COSINE)(x, T)[0], want)
    draws, d = data.sample(8, generator), 3072
    log_p = data.log_density(EDM, draws, CLEAN)
    peak = -(d * math.log(2 * math.pi) + 4 * math.log(variance) + (d - 4) * math.log(0.01)) / 2
    assert ((log_p - peak + d / 2).abs() < 5 * math.sqrt(d / 2)).all()


def test_low_rank_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"LowRank: needs mean .* got \(3,\), \(2, 4\) and 0.1"):
        LowRank(torch.zeros(3), torch.zeros(2, 4), 0.1)


@schedules
def test_points_are_a_mixture_without_width(schedule, generator):
    """Against components of covariance 0, in batches of points that do and do not divide their number."""
    points, weight = torch.randn(7, 2, 2, generator=generator), torch.rand(7, generator=generator)
    weight = weight / weight.sum()
    full = Mixture(weight, points.reshape(7, 4), torch.zeros(7, 4, 4))
    t, x = torch.tensor([0.1, 0.5, 0.9]) * schedule.t_max, torch.randn(3, 2, 2, generator=generator)
    flat = x.reshape(3, 4)
    for batch in (1, 3, 7, 100):
        some = Points(points, weight, batch)
        assert torch.allclose(some.log_density(schedule, x, t), full.log_density(schedule, flat, t), rtol=1e-9)
        assert torch.allclose(some.denoise(schedule)(x, t).reshape(3, 4), full.denoise(schedule)(flat, t), rtol=1e-9)
        assert torch.allclose(some.score(schedule, x, t).reshape(3, 4), full.score(schedule, flat, t), rtol=1e-8)
    mean, variance = some.moments()
    assert torch.allclose(mean.flatten(), full.moments()[0])
    assert torch.allclose(variance.flatten(), full.moments()[1].diagonal())


def test_points_become_the_nearest_one(generator):
    """At sigma = 0, and at levels so small that exponents of the softmax pass -1e30, in float32 too."""
    points = torch.randn(50, 3, generator=generator)
    x = points[:4] + 1e-3
    for level in (0.0, 1e-20, 1e-5):
        got = Points(points, batch=8).denoise(EDM)(x, torch.tensor(level))
        assert torch.equal(got, points[:4])
    narrow = Points(points.float(), batch=8).denoise(EDM)(x.float(), torch.tensor(2e-3, dtype=torch.float32))
    assert narrow.dtype == torch.float32
    assert torch.allclose(narrow, points[:4].float(), atol=1e-6)


def test_points_flow_to_points(generator):
    """From the noisy end every path arrives at a point of the set; one point alone has a straight one."""
    points = torch.randn(6, 2, generator=generator)
    x = COSINE.sigma(torch.tensor(COSINE.t_max)) * torch.randn(9, 2, generator=generator)
    y = Points(points).flow(COSINE, x, torch.tensor(COSINE.t_max), CLEAN)
    assert torch.cdist(y, points).amin(1).max() < 1e-8
    one, t = Points(points[:1]), torch.tensor(0.7)
    eps = (x - COSINE.alpha(t) * points[0]) / COSINE.sigma(t)
    want = COSINE.alpha(T) * points[0] + COSINE.sigma(T) * eps
    assert torch.allclose(one.flow(COSINE, x, t, T), want, rtol=0, atol=1e-9)


def test_points_posterior_of_any_observation(generator):
    """|x0| seen through noise: Bayes' rule over the points; and draws come with those weights."""
    points = torch.tensor([[-1.0], [0.5], [1.0]])
    log_likelihood = -((points.abs() - 1)[:, 0] ** 2) / (2 * 0.25)
    posterior = Points(points, torch.tensor([0.2, 0.5, 0.3])).posterior(log_likelihood)
    seen = torch.tensor([0.2, 0.5 * math.exp(-0.5), 0.3])
    assert torch.allclose(posterior.weight, seen / seen.sum())
    n = 20_000
    share = (posterior.sample(n, generator) == points.T).double().mean(0)
    assert ((share - posterior.weight).abs() < 5 / math.sqrt(4 * n)).all()
    with pytest.raises(ValueError, match=r"posterior: needs log_likelihood \(3,\), got \(2,\)"):
        posterior.posterior(torch.zeros(2))


def test_points_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"Points: needs weight \(3,\) and batch >= 1, got \(2,\) and 4096"):
        Points(torch.zeros(3, 1), torch.ones(2))


def test_angle_of_the_circle_is_equal_log_snr():
    """The path on which flows are integrated: alpha = cos, sigma = sin, halfway at log-SNR 0."""
    assert log_snr(CIRCLE, torch.tensor(0.5)).item() == pytest.approx(0, abs=1e-15)
    assert CIRCLE.alpha(torch.tensor(1 / 3)).item() == pytest.approx(math.cos(math.pi / 6))
