"""Likelihoods against exact log densities; bounds against Gaussians, whose reverse process is known at every step."""

import math
from itertools import pairwise

import pytest
import torch

from core.analytic import LowRank, Mixture, Mixture1D
from core.discover import build, names
from core.likelihood import (
    ExactTrace,
    Hutchinson,
    bits_per_dim,
    continuous_bound,
    dequantise,
    discrete_bound,
    flow_log_density,
    gaussian,
    rounded_gaussian,
)
from core.likelihood.continuous import stratified_uniforms
from core.reverse import bounds, reverse_kl
from core.schedule import log_snr
from core.schedules.edm import EDM

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
COSINE, RECTIFIED = build("core.schedules", "cosine"), build("core.schedules", "rectified")
CLEAN = torch.tensor(0.0)


@pytest.fixture
def cloud(generator):
    """Three overlapping components in R^3 with full covariances."""
    roots = torch.randn(3, 3, 3, generator=generator)
    return Mixture(torch.tensor([0.2, 0.5, 0.3]), 2 * torch.randn(3, 3, generator=generator), roots @ roots.mT)


@schedules
def test_flow_density_is_the_exact_one(schedule, two_modes):
    """With the true prior, at a tight tolerance: equal to seven digits, from the data themselves (level 0)."""
    line = Mixture(two_modes.weight, two_modes.mean[:, None], two_modes.std[:, None, None] ** 2)
    x, end = torch.linspace(-2, 2, 5)[:, None], torch.tensor(schedule.t_max)
    got = flow_log_density(
        line.denoise(schedule),
        schedule,
        x,
        level=0.0,
        log_prior=lambda z: line.log_density(schedule, z, end),
        tolerance=1e-9,
    )
    assert torch.allclose(got, line.log_density(schedule, x, CLEAN), rtol=0, atol=1e-7)


def test_flow_density_agrees_to_three_digits_as_it_is_used(cloud, generator):
    """Default options, in R^3: the prior of sampling, a start at level 1e-3. Rectified starts at pure noise exactly; on
    cosine alpha = 0.0016 at the end, and what the prior leaves out is of that size per unit of mean."""
    x = cloud.sample(6, generator)
    exact = cloud.log_density(RECTIFIED, x, CLEAN)
    assert torch.allclose(flow_log_density(cloud.denoise(RECTIFIED), RECTIFIED, x), exact, rtol=0, atol=1e-4)
    assert torch.allclose(flow_log_density(cloud.denoise(COSINE), COSINE, x), exact, rtol=5e-3, atol=5e-3)


def test_flow_density_at_a_level_is_that_of_the_noised_data(cloud, generator):
    x = cloud.sample(4, generator)
    got = flow_log_density(cloud.denoise(RECTIFIED), RECTIFIED, x, level=0.5, tolerance=1e-8)
    assert torch.allclose(got, cloud.log_density(EDM(), x, torch.tensor(0.5)), rtol=0, atol=1e-5)


def test_flow_density_of_a_model_is_a_density(two_modes):
    """A denoiser that fits no data at all still has a flow, whose density integrates to one."""

    def denoise(x, t):
        return torch.tanh(1.5 * x) - 0.2 * t

    x = torch.linspace(-6, 6, 401)[:, None]
    log_p = flow_log_density(denoise, RECTIFIED, x, level=0.05)
    assert torch.trapezoid(log_p.exp(), x[:, 0]).item() == pytest.approx(1, abs=1e-3)
    assert (log_p - two_modes.log_density(RECTIFIED, x[:, 0], CLEAN)).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["rademacher", "gaussian"])
def test_hutchinson_is_unbiased_and_exact_traces_are_exact(kind, generator):
    """A linear map: the trace over 4000 probes within five standard errors, whose size is known in closed form."""
    a, n = torch.randn(4, 4, generator=generator), 4000
    x = torch.randn(2, 2, 2, generator=generator)

    def linear(x):
        return (x.reshape(2, 4) @ a.T).reshape(x.shape)

    value, trace = ExactTrace()(linear, x)
    assert torch.allclose(value, linear(x))
    assert torch.allclose(trace, a.trace().expand(2), rtol=1e-12)
    sym = (a + a.T) / 2
    variance = 2 * (sym**2).sum() - (2 * (sym.diagonal() ** 2).sum() if kind == "rademacher" else 0)
    _, estimate = getattr(Hutchinson, kind)(x, n, generator)(linear, x)
    assert ((estimate - a.trace()).abs() < 5 * torch.sqrt(variance / n)).all()
    assert (estimate != a.trace()).all()


def test_hutchinson_in_many_dimensions(generator):
    """48 dimensions, 40 Rademacher probes: the flow density is within five of its own standard errors of the exact one,
    and that error is small; the same under inference mode, where gradients are off."""
    data = LowRank(torch.zeros(3, 4, 4), torch.randn(2, 3, 4, 4, generator=generator), 0.5)
    x = data.sample(1, generator)
    exact = data.log_density(RECTIFIED, x, CLEAN)
    many = x.expand(40, 3, 4, 4)
    with torch.inference_mode():
        probes = Hutchinson.rademacher(many, 1, generator)
        got = flow_log_density(data.denoise(RECTIFIED), RECTIFIED, many, trace=probes, tolerance=1e-4)
    error = got.std() / math.sqrt(40)
    assert 0 < error < 1
    assert abs(got.mean() - exact.item()) < 5 * error


def test_hutchinson_refuses_probes_of_another_batch():
    with pytest.raises(ValueError, match=r"Hutchinson: needs probes \(n, \*\(2, 3\)\), got \(1, 4, 3\)"):
        Hutchinson(torch.ones(1, 4, 3))(lambda x: x, torch.zeros(2, 3))


def test_flow_density_refuses_levels_out_of_range():
    with pytest.raises(ValueError, match=r"flow_log_density: level must lie in \[0, 80\), got 81"):
        flow_log_density(lambda x, t: x, EDM(), torch.zeros(1, 1), level=81.0)


# --- variational bounds ---------------------------------------------------------------------------------------------

MEAN, STD = 0.3, 0.5
NODES = torch.tensor([-math.sqrt(3), 0.0, math.sqrt(3)], dtype=torch.float64)
WEIGHTS = torch.tensor([1 / 6, 2 / 3, 1 / 6], dtype=torch.float64)


def gauss_hermite(x):
    """In place of noise: three nodes that integrate every polynomial of degree 5 under N(0, 1) exactly."""
    return NODES.repeat(len(x) // 3)[:, None]


def one_gaussian():
    return Mixture(torch.ones(1), torch.tensor([[MEAN]]), torch.tensor([[[STD**2]]]))


def expected_nats(bound):
    """The expectation over the noise, one number per x0: the batch holds the three nodes of each."""
    return bound.nats.reshape(-1, 3) @ WEIGHTS


def posterior_variance(schedule, t):
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    return STD**2 * sigma**2 / (alpha**2 * STD**2 + sigma**2)


def exact_fraction(schedule, times):
    """Of the true reverse step of N(MEAN, STD^2), by Gaussian regression: where its log variance lies."""

    def fraction(x, t):
        s = times[int((times == t).nonzero()) + 1]
        a_t, a_s, s_t, s_s = schedule.alpha(t), schedule.alpha(s), schedule.sigma(t), schedule.sigma(s)
        var_t, var_s = (a_t * STD) ** 2 + s_t**2, (a_s * STD) ** 2 + s_s**2
        true = var_s - (a_t / a_s * var_s) ** 2 / var_t
        lower, upper = bounds(schedule, s, t)
        return (true.log() / 2 - lower.log()) / (upper.log() - lower.log()) * torch.ones_like(x)

    return fraction


ENTROPY = math.log(STD) + math.log(2 * math.pi * math.e) / 2
"""-log p on average over the data, which no bound can be below."""

DATA = MEAN + STD * NODES
"""Nodes that average over the data: a bound is quadratic in x0, so that its mean over these is exact too."""


def gaussian_bound(steps, variance=None):
    """Expected bound on -log p at the nodes of the data, with the exact denoiser, decoder and, by default, variance.
    On `rectified` sampling starts at pure noise: the prior has no error."""
    x0, times = DATA.repeat_interleave(3)[:, None], torch.linspace(1.0, 0.2, steps)
    return expected_nats(
        discrete_bound(
            one_gaussian().denoise(RECTIFIED),
            RECTIFIED,
            x0,
            times,
            variance=exact_fraction(RECTIFIED, times) if variance is None else variance,
            decoder=gaussian,
            decoder_std=posterior_variance(RECTIFIED, times[-1]).sqrt(),
            randn_like=gauss_hermite,
        )
    )


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_bound_is_the_likelihood_where_the_reverse_process_is_exact(steps):
    """For Gaussian data the reverse step is Gaussian: with its variance the bound is -log p itself, at every x0 and for
    any number of steps."""
    exact = -one_gaussian().log_density(RECTIFIED, DATA[:, None], CLEAN)
    assert torch.allclose(gaussian_bound(steps), exact, rtol=0, atol=1e-12)
    assert (exact @ WEIGHTS).item() == pytest.approx(ENTROPY, abs=1e-12)


@pytest.mark.parametrize("variance", [0.0, 1.0])
def test_bound_falls_to_the_likelihood_as_steps_grow(variance):
    """With either fixed variance it lies above on average, and the gap falls like 1 / T (Ho et al. 2020: T = 1000)."""
    gaps = [(gaussian_bound(steps, variance) @ WEIGHTS).item() - ENTROPY for steps in (101, 201, 401)]
    assert [a / b for a, b in pairwise(gaps)] == pytest.approx([2, 2], abs=0.1)
    assert 0 < gaps[-1] < 0.02


@schedules
def test_bound_of_equal_levels_is_the_same_on_every_schedule(schedule):
    """It depends on the log-SNRs alone, and lies above -log p on average over the data (0.56 nats, for 30 steps)."""
    levels = torch.logspace(math.log10(4.0), math.log10(0.02), 30)

    def bound(schedule):
        x0 = DATA.repeat_interleave(3)[:, None]
        shared = {"decoder": gaussian, "decoder_std": 0.02, "randn_like": gauss_hermite}
        times = schedule.time(-2 * levels.log())
        return expected_nats(discrete_bound(one_gaussian().denoise(schedule), schedule, x0, times, **shared))

    assert torch.allclose(bound(schedule), bound(EDM()), rtol=1e-9)
    assert ENTROPY < (bound(schedule) @ WEIGHTS).item() < ENTROPY + 0.6


def test_discrete_bound_grows_towards_the_continuous_one(two_modes, generator):
    """On a mixture: -log p <= continuous bound <= bound of 200 steps <= bound of 10 steps, up to chance:
    more steps never hurt an exact denoiser (Kingma et al. 2021, app. F)."""
    x0 = two_modes.sample((4000, 1), generator)
    denoise, std = two_modes.denoise(RECTIFIED), 0.02
    t_1 = RECTIFIED.time(torch.tensor(-2 * math.log(std)))

    def draw(seed):
        g = torch.Generator().manual_seed(seed)
        return lambda x: torch.randn(x.shape, generator=g)

    shared = {"decoder": gaussian, "randn_like": draw(1)}
    u = stratified_uniforms(50, 4000, generator)
    smooth = continuous_bound(denoise, RECTIFIED, x0, u, level=std, **shared).nats
    exact = -two_modes.log_density(RECTIFIED, x0[:, 0], CLEAN)
    chance = smooth.std() / math.sqrt(4000)
    assert -3 * chance < (smooth - exact).mean() < 0.02 + 3 * chance
    coarse, fine = (
        discrete_bound(denoise, RECTIFIED, x0, torch.linspace(1.0, t_1.item(), n), **shared).nats.mean()
        for n in (10, 200)
    )
    assert fine - smooth.mean() > -3 * chance
    assert coarse > fine + 0.1


@schedules
def test_continuous_bound_does_not_know_the_path(schedule):
    """Kingma et al. 2021, sec. 5.1: the diffusion term depends on the ends of log-SNR alone. For Gaussian data it has
    the closed form 1/2 int e^l v(l) (...) dl; here its expectation over x0 too, 1/2 log((1 + S0 v) / (1 + S1 v))."""
    n, level = 300, 0.05
    x0 = (MEAN + STD * NODES).repeat_interleave(3)[:, None]
    u = ((torch.arange(n) + 0.5) / n)[:, None].expand(n, 9)
    bound = continuous_bound(
        one_gaussian().denoise(schedule), schedule, x0, u, level=level, decoder=gaussian, randn_like=gauss_hermite
    )
    got = bound.diffusion.sum(0).reshape(3, 3) @ WEIGHTS @ WEIGHTS
    end = math.exp(max(-20.0, log_snr(schedule, torch.tensor(schedule.t_max)).item()))
    want = 0.5 * math.log((1 + STD**2 / level**2) / (1 + STD**2 * end))
    assert got.item() == pytest.approx(want, rel=1e-4)


def test_reverse_kl_is_the_divergence_of_two_gaussians(generator):
    """Against torch.distributions, for every fraction, inside the bounds and beyond."""
    s, t = torch.tensor(0.3), torch.tensor(0.5)
    x, x0, x0_hat = (torch.randn(5, 2, generator=generator) for _ in range(3))
    alpha, sigma = COSINE.alpha(torch.stack([s, t])), COSINE.sigma(torch.stack([s, t]))
    cov = alpha[1] / alpha[0] * sigma[0] ** 2  # of x_s and x_t given x0

    def mean(x0):
        return alpha[0] * x0 + cov / sigma[1] ** 2 * (x - alpha[1] * x0)

    true = torch.distributions.Normal(mean(x0), torch.sqrt(sigma[0] ** 2 - cov**2 / sigma[1] ** 2))
    lower, upper = bounds(COSINE, s, t)
    assert torch.allclose(lower, true.scale)
    for fraction in (0.0, 0.4, 1.0, 1.3):
        model = torch.distributions.Normal(mean(x0_hat), lower ** (1 - fraction) * upper**fraction)
        want = torch.distributions.kl_divergence(true, model)
        assert torch.allclose(reverse_kl(COSINE, x0, x0_hat, s, t, fraction), want, rtol=1e-9)


@pytest.mark.parametrize("std", [1e-3, 0.02, 0.5, 3.0])
def test_rounded_gaussian_sums_to_one_over_the_levels(std):
    levels = torch.linspace(-1, 1, 256)
    for mean in (-1.2, -1.0, 0.1234, 0.999, 5.0):
        log_p = rounded_gaussian(levels, torch.tensor(mean), torch.tensor(std))
        assert log_p.isfinite().all()
        assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_rounded_gaussian_is_the_density_times_the_width_where_bins_are_narrow():
    x0, mean, std = torch.linspace(-0.5, 0.5, 11), torch.tensor(0.1), torch.tensor(0.3)
    narrow = rounded_gaussian(x0, mean, std, width=1e-4)
    assert torch.allclose(narrow, gaussian(x0, mean, std) + math.log(1e-4), rtol=0, atol=1e-7)


def test_rounded_gaussian_keeps_its_gradient_far_away():
    """A hundred deviations off in float32, where a difference of two distribution functions is 0 - 0."""
    mean = torch.tensor([0.9, -0.9], dtype=torch.float32, requires_grad=True)
    x0, std = torch.zeros(2, dtype=torch.float32), torch.tensor(0.009, dtype=torch.float32)
    log_p = rounded_gaussian(x0, mean, std)
    log_p.sum().backward()
    nearest = 0.9 - 1 / 255  # the tail integral is led by the near edge of the bin
    assert torch.allclose(log_p, torch.tensor(-((nearest / 0.009) ** 2) / 2).float(), rtol=5e-3)
    assert torch.allclose(mean.grad, torch.tensor([-1.0, 1.0]).float() * nearest / 0.009**2, rtol=1e-2)


def test_bits_of_uniform_noise_are_the_bits_of_its_levels(generator):
    """256 equally likely levels take 8 bits each, and the density of their dequantised values says the same."""
    stored = torch.randint(256, (20, 6), generator=generator)
    spread = dequantise(stored / 127.5 - 1, torch.rand(20, 6, generator=generator), width=2 / 255)
    assert spread.min() >= -1 - 1 / 255
    assert spread.max() <= 1 + 1 / 255
    assert torch.equal(((spread + 1) * 127.5).round(), stored.double())
    nats = torch.full((20,), 6 * math.log(256 * 2 / 255))  # -log of the density of the uniform on that interval
    assert torch.allclose(bits_per_dim(nats, 6, width=2 / 255), torch.tensor(8.0))
    assert bits_per_dim(torch.tensor([6 * 8 * math.log(2)]), 6).item() == pytest.approx(8)


def test_dequantised_density_bounds_the_probability_of_the_bins(two_modes, generator):
    """Theis et al. 2016: E_u log p(x + width (u - 1/2)) + log width <= log P(bin), with P from the CDF."""
    width, x = 0.4, torch.linspace(-1.6, 1.6, 9)
    u = torch.rand(20_000, 9, generator=generator)
    density = two_modes.log_density(COSINE, dequantise(x, u, width=width), CLEAN).mean(0) + math.log(width)
    mass = two_modes.cdf(COSINE, x + width / 2, CLEAN) - two_modes.cdf(COSINE, x - width / 2, CLEAN)
    assert (density < mass.log()).all()
    assert (mass.log() - density).max() < 0.2


def test_what_is_out_of_range_is_refused():
    x = torch.zeros(2, 1)
    with pytest.raises(ValueError, match=r"discrete_bound: times must fall and stay above 0, got \[1.0, 0.0\]"):
        discrete_bound(lambda x, t: x, COSINE, x, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"continuous_bound: needs u \(n, 2\), got \(5, 3\)"):
        continuous_bound(lambda x, t: x, COSINE, x, torch.rand(5, 3))
    with pytest.raises(ValueError, match=r"continuous_bound: level must lie in \(0, 80\), got 0"):
        continuous_bound(lambda x, t: x, EDM(), x, torch.rand(5, 2), level=0.0)
    with pytest.raises(ValueError, match="dequantise: width must be positive, got 0"):
        dequantise(x, x, width=0.0)
    with pytest.raises(ValueError, match=r"bits_per_dim: needs dims >= 1 and width > 0, got 0 and 1.0"):
        bits_per_dim(x, 0)


def test_bounds_and_densities_keep_to_the_dtype_of_the_data(generator):
    """float32 in: everything finite and float32 out, within float32 of the float64 answer."""
    data = Mixture1D(torch.ones(1).float(), torch.tensor([MEAN]).float(), torch.tensor([STD]).float())
    x0 = data.sample((6, 2), generator).float()
    got = flow_log_density(data.denoise(RECTIFIED), RECTIFIED, x0, tolerance=1e-4)
    assert got.dtype == torch.float32
    assert torch.allclose(got, data.log_density(RECTIFIED, x0, CLEAN.float()).sum(1), atol=2e-3)
    bound = discrete_bound(data.denoise(RECTIFIED), RECTIFIED, x0, torch.linspace(1.0, 0.01, 20), decoder=gaussian)
    assert bound.nats.dtype in (torch.float32, torch.float64)
    assert bound.nats.isfinite().all()
