"""Samplers that draw noise: single steps against conditional Gaussians, and without noise against their other half."""

import math

import pytest
import torch

from core.discover import build, names
from core.grids.karras import karras
from core.sampling import last
from core.schedule import log_snr
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


@pytest.mark.parametrize(("name", "off"), [("ddim", {"eta": 0.0}), ("heun", {"s_churn": 0.0})], ids=["eta", "churn"])
@schedules
def test_zero_noise_is_the_deterministic_sampler_bit_for_bit(name, off, schedule, two_modes):
    """A draw of NaN would show in the result."""
    x, times = torch.linspace(-1, 1, 8), karras(schedule, 6)
    nan = lambda x: x * torch.nan  # noqa: E731
    silent = last(build("core.samplers", name, off)(two_modes.denoise(schedule), schedule, x, times, randn_like=nan))
    assert torch.equal(silent, last(build("core.samplers", name)(two_modes.denoise(schedule), schedule, x, times)))
    assert silent.isfinite().all()


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
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(ValueError, match=line):
        last(
            build("core.samplers", name, options)(lambda x, t: x, Rectified(), torch.ones(1), torch.tensor([1.0, 0.5]))
        )
