"""Samplers that draw noise: single steps against conditional Gaussians, and without noise against their other half."""

import math
from itertools import pairwise

import pytest
import torch

from core.analytic_variance import posterior_variance
from core.discover import build, names, options_of, resolve
from core.grids.karras import karras
from core.sampling import last
from core.schedule import diffuse, log_snr
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)


def one_step(sampler, schedule, pair, x, x0):
    """(mean, std) of a step from x where the denoiser answers x0: the step is affine in its one draw."""
    mean = last(sampler(lambda x, t: x0, schedule, x, pair, randn_like=torch.zeros_like))
    return mean, last(sampler(lambda x, t: x0, schedule, x, pair, randn_like=torch.ones_like)) - mean


def forward_posterior(schedule, pair, x, x0):
    """q(x_s | x_t, x0) by conditioning the joint Gaussian, whose covariance is alpha_t / alpha_s sigma_s^2."""
    (alpha_t, alpha_s), (sigma_t, sigma_s) = schedule.alpha(pair), schedule.sigma(pair)
    cov = alpha_t / alpha_s * sigma_s**2
    return alpha_s * x0 + cov / sigma_t**2 * (x - alpha_t * x0), torch.sqrt(sigma_s**2 - cov**2 / sigma_t**2)


@pytest.mark.parametrize(("name", "options"), [("ddim", {"eta": 1.0}), ("ddpm", {})], ids=["ddim eta=1", "ddpm"])
@schedules
def test_ancestral_steps_draw_from_the_forward_posterior(name, options, schedule):
    """Exact for data at a single point, for a step of any size (Ho et al. 2020, eq. 6 and 7)."""
    pair, x, x0 = torch.tensor([0.8, 0.3]) * schedule.t_max, torch.linspace(-1, 1, 5), torch.tensor(0.7)
    mean, std = one_step(build("core.samplers", name, options), schedule, pair, x, x0)
    want_mean, want_std = forward_posterior(schedule, pair, x, x0)
    assert torch.allclose(mean, want_mean, rtol=1e-10)
    assert torch.allclose(std, want_std, rtol=1e-9)


@schedules
def test_upper_variance_is_exact_for_unit_gaussian_data(schedule):
    """x0 ~ N(0, 1): x_s given x_t is the regression of two Gaussians with variances n^2 and covariance scale n_s^2."""
    pair, x = torch.tensor([0.8, 0.3]) * schedule.t_max, torch.linspace(-1, 1, 5)
    (alpha_t, alpha_s), (sigma_t, sigma_s) = schedule.alpha(pair), schedule.sigma(pair)
    var_t, var_s, cov = alpha_t**2 + sigma_t**2, alpha_s**2 + sigma_s**2, alpha_t / alpha_s * (alpha_s**2 + sigma_s**2)
    denoised = alpha_t / var_t * x
    mean, std = one_step(build("core.samplers", "ddpm", {"variance": 1.0}), schedule, pair, x, denoised)
    assert torch.allclose(mean, cov / var_t * x, rtol=1e-10)
    assert torch.allclose(std**2, var_s - cov**2 / var_t, rtol=1e-10)


def test_upper_variance_is_beta_on_a_variance_preserving_schedule():
    schedule, pair = build("core.schedules", "linear"), torch.tensor([0.501, 0.5])
    _, std = one_step(build("core.samplers", "ddpm", {"variance": 1.0}), schedule, pair, torch.zeros(1), torch.zeros(1))
    assert (std**2).item() == pytest.approx((1 - (schedule.alpha(pair[0]) / schedule.alpha(pair[1])) ** 2).item())


@schedules
def test_variance_interpolates_between_the_logarithms(schedule):
    """Nichol & Dhariwal 2021, eq. 15."""
    pair = torch.tensor([0.8, 0.3]) * schedule.t_max
    lower, between, upper = (
        one_step(build("core.samplers", "ddpm", {"variance": v}), schedule, pair, torch.zeros(1), torch.zeros(1))[
            1
        ].log()
        for v in (0.0, 0.25, 1.0)
    )
    assert lower < upper
    assert torch.allclose(between, 0.75 * lower + 0.25 * upper)


@schedules
def test_eta_scales_the_noise_of_the_posterior(schedule):
    """Song et al. 2021a, eq. 16: sigma(eta) = eta sigma(1); what it adds, the old noise loses in quadrature."""
    pair, x0 = torch.tensor([0.8, 0.3]) * schedule.t_max, torch.zeros(1)
    sigma_t, sigma_s = schedule.sigma(pair)
    _, full = one_step(build("core.samplers", "ddim", {"eta": 1.0}), schedule, pair, sigma_t[None], x0)
    old, new = one_step(build("core.samplers", "ddim", {"eta": 0.4}), schedule, pair, sigma_t[None], x0)
    assert torch.allclose(new, 0.4 * full)
    assert torch.allclose(old**2 + new**2, sigma_s**2)


OFF = {
    "analytic_dpm": None,  # it draws whatever its options
    "consistency": None,
    "ddim": ({"eta": 0.0}, "ddim", {}),
    "ddpm": None,
    "dpm_2_ancestral": ({"eta": 0.0}, "dpm_2", {}),
    "dpmpp_2m_sde": ({"eta": 0.0}, "dpmpp_2m", {}),
    "dpmpp_3m_sde": ({"eta": 0.0}, "dpmpp_3m", {}),
    "dpmpp_sde": ({"eta": 0.0}, "dpmpp_2s", {}),
    "euler_ancestral": ({"eta": 0.0}, "euler", {}),
    "heun": ({"s_churn": 0.0}, "heun", {}),
    "predictor_corrector": None,
    "restart": ({"intervals": ()}, "heun", {}),
    "sa_solver": ({"tau": 0.0, "corrector": 0}, "dpmpp_3m", {}),
}
"""For each sampler that can draw noise, how it is turned off, and what it is then."""


def draws_noise(name):
    """Whether a sampler draws with some option at a value that draws, found by listening."""
    heard, options = [], {}
    for option in options_of(resolve("core.samplers", name)):
        options |= {"eta": {"eta": 1.0}, "tau": {"tau": 1.0}, "s_churn": {"s_churn": 4.0}}.get(option, {})
    times = karras(EDM(), 40)
    list(
        build("core.samplers", name, options)(
            lambda x, t: 0 * x, EDM(), torch.ones(1), times, randn_like=heard_in(heard)
        )
    )
    return bool(heard)


def heard_in(draws):
    return lambda x: draws.append(x) or x


def test_every_sampler_that_draws_says_what_it_is_without_noise():
    assert {n for n in names("core.samplers") if draws_noise(n)} == set(OFF)


@pytest.mark.parametrize("name", [n for n in OFF if OFF[n]])
@schedules
def test_without_noise_each_is_its_deterministic_form(name, schedule, two_modes):
    """A draw of NaN would show in the result."""
    off, other, options = OFF[name]
    x, times, denoise = torch.linspace(-1, 1, 8), karras(schedule, 6), two_modes.denoise(schedule)
    nan = lambda x: x * torch.nan  # noqa: E731
    silent = last(build("core.samplers", name, off)(denoise, schedule, x, times, randn_like=nan))
    assert torch.allclose(silent, last(build("core.samplers", other, options)(denoise, schedule, x, times)), rtol=1e-9)
    assert silent.isfinite().all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ddim", {"eta": 1.0}), ("ddpm", {})),
        (("predictor_corrector", {"corrector_steps": 0}), ("ddpm", {})),
        (("sa_solver", {"predictor": 1, "corrector": 0}), ("ddpm", {})),
        (("analytic_dpm", {"variances": (0.0,) * 6}), ("ddpm", {})),
        (("analytic_dpm", {"sigma_data": 1.0}), ("ddpm", {"variance": 1.0})),
        (("sa_solver", {"predictor": 2, "corrector": 0}), ("dpmpp_2m_sde", {"form": "heun"})),
        (("sa_solver", {"predictor": 3, "corrector": 0, "tau": 0.5}), ("dpmpp_3m_sde", {"eta": 0.25})),
        (("sa_solver", {"s_min": 1e8, "s_max": 1e9}), ("sa_solver", {"tau": 0.0})),
        (("dpmpp_sde", {"r": 1.0, "eta": 0.0}), ("dpmpp_sde", {"r": 1.0 - 1e-12, "eta": 0.0})),
    ],
    ids=str,
)
@schedules
def test_one_method_under_two_names(one, other, schedule, two_modes):
    """The same x from the same noise, at every step, from pure noise to clean."""
    x, times = torch.linspace(-1, 1, 8), karras(schedule, 6)

    def states(name, options):
        g = torch.Generator().manual_seed(1)
        noise = lambda x: torch.randn(x.shape, generator=g)  # noqa: E731
        sampler = build("core.samplers", name, options)
        return torch.stack([y for _, y in sampler(two_modes.denoise(schedule), schedule, x, times, randn_like=noise)])

    assert torch.allclose(states(*one), states(*other), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "options", "order"),
    [
        ("euler_ancestral", {"eta": 0.5}, 1),
        ("dpm_2_ancestral", {"eta": 0.5}, 2),
        ("dpmpp_sde", {"eta": 0.5, "r": 0.3}, 2),
        ("dpmpp_sde", {"r": 1.0}, 2),
        ("dpmpp_2m_sde", {"eta": 0.5}, 2),
        ("dpmpp_2m_sde", {"form": "heun"}, 2),
        ("dpmpp_3m_sde", {"eta": 0.25}, 2),
        ("sa_solver", {"predictor": 1, "corrector": 0}, 1),
        ("sa_solver", {"predictor": 1, "corrector": 1}, 1),
        ("sa_solver", {"predictor": 2, "corrector": 0}, 2),
        ("predictor_corrector", {"corrector_steps": 3}, 1),
        ("restart", {"intervals": ((0.1, 2.0, 2),)}, 2),
    ],
    ids=str,
)
def test_moments_converge_at_the_order_of_the_options(name, options, order, sampler_error):
    """As in `test_order`, on steps in log-SNR that alternate 2 : 1, over two halvings."""
    schedule, errors = Cosine(), []
    ends = log_snr(schedule, torch.tensor([0.9, 0.05]))
    for steps in (64, 128, 256):
        grid = torch.linspace(*ends.tolist(), 3 * steps // 2 + 1)
        times = schedule.time(grid[torch.arange(len(grid)) % 3 != 1])
        errors.append(math.hypot(*sampler_error(build("core.samplers", name, options), schedule, times, 0.3, 0.8)))
    assert [math.log2(a / b) for a, b in pairwise(errors)] == pytest.approx([order] * 2, abs=0.2)


@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_ancestral_euler_is_ddim_where_time_is_the_level(eta, two_modes):
    x, times = torch.linspace(-9, 9, 8), karras(EDM(), 6)
    ancestral, ddim = (
        last(
            build("core.samplers", n, {"eta": eta})(
                two_modes.denoise(EDM()), EDM(), x, times, randn_like=torch.ones_like
            )
        )
        for n in ("euler_ancestral", "ddim")
    )
    assert torch.allclose(ancestral, ddim, rtol=1e-9)


STOCHASTIC = [(n, {}) for n in OFF if n not in ("heun", "consistency", "ddim")]
STOCHASTIC += [
    ("ddim", {"eta": 0.5}),
    ("heun", {"s_churn": 40.0}),
    ("ddpm", {"variance": 1.0}),
    ("euler_ancestral", {"eta": 0.5}),
    ("dpm_2_ancestral", {"eta": 0.5}),
    ("dpmpp_2m_sde", {"eta": 2.0}),
    ("dpmpp_2m_sde", {"form": "heun"}),
    ("dpmpp_sde", {"eta": 0.5, "r": 0.3}),
    ("sa_solver", {"tau": 0.5, "s_min": 0.05, "s_max": 1.0, "predictor": 2, "corrector": 2}),
    ("predictor_corrector", {"snr": 0.3, "corrector_steps": 2}),
    ("restart", {"intervals": ((0.1, 0.5, 2), (0.5, 3.0, 1))}),
]


def distance(data, samples):
    """Kolmogorov's, from the empirical to the exact distribution function of x0."""
    n, level = len(samples), data.cdf(EDM(), samples.sort().values, torch.tensor(0.0))
    return torch.maximum(level - torch.arange(n) / n, torch.arange(1, n + 1) / n - level).max().item()


@pytest.mark.parametrize(("name", "options"), STOCHASTIC, ids=str)
def test_samples_have_the_distribution_of_the_data(name, options, two_modes, generator):
    """8000 samples in 100 steps, from the exact marginal at t_max. With probability 1 - 1e-5 the distance is below
    sqrt(ln(2e5) / 2n) = 0.0276 (Massart 1990); no allowance is made for the steps."""
    schedule, n = Cosine(), 8000
    times = build("core.grids", "karras")(schedule, 100)
    x = diffuse(schedule, two_modes.sample((n,), generator), times[0], torch.randn(n, generator=generator))
    noise = lambda x: torch.randn(x.shape, generator=generator)  # noqa: E731
    final = last(
        build("core.samplers", name, options)(two_modes.denoise(schedule), schedule, x, times, randn_like=noise)
    )
    assert distance(two_modes, final) < math.sqrt(math.log(2e5) / (2 * n))


def test_a_consistency_function_samples_exactly_and_a_denoiser_does_not(two_modes, generator):
    """Song et al. 2023b: with the flow map to t = 0 for f, every step gives exact samples, be it one or four. The mean
    E[x0 | x_t] in its place is far outside of the same bound."""
    schedule, n = Cosine(), 8000
    x = diffuse(schedule, two_modes.sample((n,), generator), torch.tensor(schedule.t_max), torch.randn(n))
    noise = lambda x: torch.randn(x.shape, generator=generator)  # noqa: E731
    bound = math.sqrt(math.log(2e5) / (2 * n))

    def jump(x, t):
        return two_modes.flow(schedule, x, t, torch.tensor(0.0))

    for steps in (1, 4):
        times = build("core.grids", "uniform")(schedule, steps)
        states = list(build("core.samplers", "consistency")(jump, schedule, x, times, randn_like=noise))
        assert distance(two_modes, states[-1].x) < bound
        blurred = build("core.samplers", "consistency")(
            two_modes.denoise(schedule), schedule, x, times, randn_like=noise
        )
        assert distance(two_modes, last(blurred)) > 2 * bound


@schedules
def test_langevin_leaves_a_gaussian_marginal_exactly_as_it_is(schedule, sampler_error):
    """In a predictor step of no length, 60 corrector steps of any size change neither mean nor variance: the correction
    of Leimkuhler & Matthews. Song's own step would leave 1 / (1 - c / 2) times the variance of noise, here 1.22."""
    start = 0.4 * schedule.t_max
    times = torch.tensor([start, start * (1 - 1e-9)])
    langevin = build("core.samplers", "predictor_corrector", {"corrector_steps": 60, "snr": 0.6})
    assert sampler_error(langevin, schedule, times, mean=0.3, std=0.8) == pytest.approx((0, 0), abs=1e-7)


def test_langevin_forgets_a_wrong_start(two_modes, generator):
    """From a single point at one level to the mixture's marginal there, modes and their weights included."""
    schedule, n, t = Cosine(), 8000, 0.6
    times = torch.tensor([t, t * (1 - 1e-9)])
    langevin = build("core.samplers", "predictor_corrector", {"corrector_steps": 100, "snr": 0.4})
    noise = lambda x: torch.randn(x.shape, generator=generator)  # noqa: E731
    final = last(langevin(two_modes.denoise(schedule), schedule, torch.full((n,), 2.0), times, randn_like=noise))
    level = two_modes.cdf(schedule, final.sort().values, times[1])
    assert (level - torch.arange(n) / n).abs().max().item() < math.sqrt(math.log(2e5) / (2 * n)) + 1 / n


@pytest.mark.parametrize("repeats", [1, 12])
def test_restarts_leave_the_marginal_and_contract_an_error_from_above(repeats, sampler_error):
    """Noise up and the flow down keep the distribution, to the error of Heun; a start too wide by 40 percent above the
    interval, which the flow would carry to the end, is contracted by each restart (Xu et al. 2023, theorem 1)."""
    schedule, mean, std = EDM(t_max=3.0), 0.0, 0.5
    times, intervals = karras(schedule, 80, sigma_min=0.02), ((0.05, 2.0, repeats),)
    sampler = build("core.samplers", "restart", {"intervals": intervals})
    assert sampler_error(sampler, schedule, times, mean, std) == pytest.approx((0, 0), abs=2e-3)

    def denoise(x, t):
        return std**2 / (std**2 + t**2) * x

    wrong = 0.4 * math.hypot(3.0, std)
    drift = last(sampler(denoise, schedule, torch.tensor([wrong]), times, randn_like=torch.zeros_like))
    inside = [t.item() for t in times if 0.05 <= t <= 2.0]
    contraction = math.hypot(inside[-1], std) / math.hypot(inside[0], std)  # of the flow, from the top to the bottom
    assert drift.item() == pytest.approx(0.4 * std * contraction**repeats, rel=0.02, abs=1e-6)


@schedules
def test_a_restart_outside_of_the_grid_is_none(schedule, two_modes):
    x, times, denoise = torch.linspace(-1, 1, 8), karras(schedule, 6), two_modes.denoise(schedule)
    restart = build("core.samplers", "restart", {"intervals": ((1e6, 1e7, 3),)})
    assert torch.equal(
        last(restart(denoise, schedule, x, times)), last(build("core.samplers", "heun")(denoise, schedule, x, times))
    )


def test_the_posterior_variance_is_that_of_bao(two_modes, generator):
    """Estimated from errors of x0 on 200000 draws, against (sigma / alpha)^2 (1 - sigma^2 E|score|^2) by quadrature
    (Bao et al. 2022a, eq. 8), and the variance of the data at pure noise. Five standard errors or one percent."""
    schedule, times = Rectified(), torch.tensor([1.0, 0.7, 0.3, 0.05])
    x0 = two_modes.sample((200_000,), generator)
    noise = lambda x: torch.randn(x.shape, generator=generator)  # noqa: E731
    got = posterior_variance(two_modes.denoise(schedule), schedule, x0, times, randn_like=noise)
    x = torch.linspace(-8, 8, 20_001)
    for t, v in zip(times[1:], got[1:], strict=True):
        density, score = two_modes.log_density(schedule, x, t).exp(), two_modes.score(schedule, x, t)
        fisher = torch.trapezoid(density * score**2, x)
        assert v.item() == pytest.approx(((t / (1 - t)) ** 2 * (1 - t**2 * fisher)).item(), rel=0.02)
    assert got[0].item() == pytest.approx(two_modes.moments()[1].item(), rel=0.02)


@schedules
def test_the_optimal_variance_is_exact_for_gaussian_data(schedule, sampler_error):
    """Mean and variance, after any number of steps of any size."""
    times = schedule.time(torch.linspace(-4, 6, 4))
    sampler = build("core.samplers", "analytic_dpm", {"sigma_data": 0.8})
    assert sampler_error(sampler, schedule, times, mean=0.3, std=0.8) == pytest.approx((0, 0), abs=1e-9)
    assert abs(sampler_error(build("core.samplers", "ddpm"), schedule, times, mean=0.3, std=0.8)[1]) > 0.1


@schedules
def test_churn_outside_its_window_is_off(schedule, two_modes):
    x, times = torch.linspace(-1, 1, 8), karras(schedule, 6)
    heun = build("core.samplers", "heun", {"s_churn": 3.0, "s_min": 1e9})
    window = last(heun(two_modes.denoise(schedule), schedule, x, times))
    assert torch.equal(window, last(build("core.samplers", "heun")(two_modes.denoise(schedule), schedule, x, times)))


@pytest.mark.parametrize(("s_churn", "s_min", "s_max"), [(8.0, 0.0, math.inf), (2.0, 0.05, 20.0)])
def test_churn_is_algorithm_2(s_churn, s_min, s_max, two_modes):
    """Karras et al. 2022, algorithm 2, written out on EDM in its own symbols, against the sampler on the same noise."""
    denoise, times, s_noise = two_modes.denoise(EDM()), karras(EDM(), 8, sigma_min=0.1), 1.003
    options = {"s_churn": s_churn, "s_min": s_min, "s_max": s_max, "s_noise": s_noise}
    g, h = (torch.Generator().manual_seed(5) for _ in range(2))
    x = torch.linspace(-80, 80, 16)
    sampler = build("core.samplers", "heun", options)
    got = last(sampler(denoise, EDM(), x, times, randn_like=lambda x: torch.randn(x.shape, generator=g)))
    for i in range(8):
        gamma = min(s_churn / 8, math.sqrt(2) - 1) if s_min <= times[i] <= s_max else 0.0
        t_hat = times[i] + gamma * times[i]
        z = torch.randn(x.shape, generator=h)  # drawn at every step, so that no draw depends on the levels
        x = x + torch.sqrt(t_hat**2 - times[i] ** 2) * s_noise * z
        d = (x - denoise(x, t_hat)) / t_hat
        x_next = x + (times[i + 1] - t_hat) * d
        if times[i + 1] != 0:
            d_next = (x_next - denoise(x_next, times[i + 1])) / times[i + 1]
            x_next = x + (times[i + 1] - t_hat) * (d + d_next) / 2
        x = x_next
    assert torch.allclose(got, x, rtol=1e-10)


@schedules
def test_churn_raises_the_level_by_a_step_of_the_forward_chain(schedule):
    """When the denoiser is told the raised time, x has the variance of that time: noise goes in before the call."""
    seen = []

    def denoise(x, t):
        seen.append((x, t))
        return torch.zeros_like(x)

    start = torch.tensor(0.5) * schedule.t_max
    x = schedule.sigma(start) * torch.tensor([1.0, 0.0])
    noise = lambda x: torch.tensor([0.0, 1.0])  # noqa: E731
    heun = build("core.samplers", "heun", {"s_churn": 0.3})
    last(heun(denoise, schedule, x, torch.stack([start, start / 2]), randn_like=noise))
    x_hat, t_hat = seen[0]
    assert torch.allclose(torch.exp((log_snr(schedule, start) - log_snr(schedule, t_hat)) / 2), torch.tensor(1.3))
    assert torch.allclose(x_hat.square().sum().sqrt(), schedule.sigma(t_hat))


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("ddim", {"eta": 1.5}, r"ddim: eta must lie in \[0, 1\], got 1.5"),
        ("ddpm", {"variance": -0.1}, r"ddpm: variance must lie in \[0, 1\], got -0.1"),
        ("heun", {"s_churn": -1.0}, "heun: s_churn must not be negative, got -1.0"),
        ("euler_ancestral", {"eta": 1.5}, r"euler_ancestral: eta must lie in \[0, 1\], got 1.5"),
        ("dpm_2_ancestral", {"eta": -0.5}, r"dpm_2_ancestral: eta must lie in \[0, 1\], got -0.5"),
        ("dpmpp_sde", {"eta": 1.5}, r"dpmpp_sde: eta must lie in \[0, 1\], got 1.5"),
        ("dpmpp_sde", {"r": 0.0}, r"dpmpp_sde: r must lie in \(0, 1\], got 0.0"),
        ("dpmpp_2m_sde", {"eta": -1.0}, "dpmpp_2m_sde: eta must not be negative, got -1.0"),
        ("dpmpp_2m_sde", {"form": "euler"}, "dpmpp_2m_sde: form must be midpoint or heun, got 'euler'"),
        ("dpmpp_3m_sde", {"eta": -1.0}, "dpmpp_3m_sde: eta must not be negative, got -1.0"),
        ("sa_solver", {"tau": -1.0}, "sa_solver: tau must not be negative, got -1.0"),
        ("sa_solver", {"predictor": 4}, "sa_solver: predictor must be 1 to 3 and corrector 0 to 3, got 4 and 3"),
        ("predictor_corrector", {"snr": 1.0}, r"predictor_corrector: snr must lie in \(0, 1\), got 1.0"),
        ("predictor_corrector", {"corrector_steps": -1}, "corrector_steps must not be negative, got -1"),
        ("analytic_dpm", {"variances": (1.0, 2.0)}, "needs 1 variances, one per step and none negative, got"),
        ("analytic_dpm", {"sigma_data": 0.0}, "analytic_dpm: sigma_data must be positive, got 0.0"),
        (
            "restart",
            {"intervals": ((2.0, 1.0, 1),)},
            r"restart: needs 0 < low < high and repeats >= 0, got \(2.0, 1.0, 1\)",
        ),
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(ValueError, match=line):
        last(
            build("core.samplers", name, options)(lambda x, t: x, Rectified(), torch.ones(1), torch.tensor([1.0, 0.5]))
        )
