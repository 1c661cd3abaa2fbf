"""Temperature in closed form: what noise and score scales leave of a Gaussian, and of the modes of a mixture."""

import math

import pytest
import torch

from core.analytic import Mixture1D
from core.brownian import Brownian
from core.discover import build, names
from core.grids.karras import karras
from core.sampling import last, prior
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.schedules.rectified import Rectified
from core.temperature import scaled_noise, scaled_score
from tests.core.conftest import affine_response

SCHEDULES = [build("core.schedules", name) for name in names("core.schedules")]
AFFINE = [
    n for n in names("core.samplers") if n not in ("consistency", "ode")
]  # a mean for a jump; steps chosen by error
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=str)


def gaussian(schedule, mean, std):
    return Mixture1D(torch.ones(1), torch.tensor([mean]), torch.tensor([std])).denoise(schedule)


def spread(sampler, schedule, times, std, *, score_scale, sigma_data, mean=0.0):
    """(mean, standard deviation) of a sampler's result from pure noise on N(mean, std^2): exact, no Monte Carlo."""
    colder = scaled_score(gaussian(schedule, mean, std), schedule, score_scale=score_scale, sigma_data=sigma_data)
    offset, gain, noise = affine_response(sampler, colder, schedule, times)
    return offset.item(), torch.sqrt((gain * schedule.sigma(times[0])) ** 2 + (noise**2).sum()).item()


@pytest.mark.parametrize("name", names("core.samplers"))
def test_every_sampler_samples_the_narrower_gaussian(name):
    """N(m, S^2) at score_scale k is N(m, S^2 / k) in every step, from pure noise, alpha = 0, on."""
    schedule, sampler = Rectified(), build("core.samplers", name)
    times, x, draws = karras(schedule, 6), torch.linspace(-2, 2, 9), torch.Generator()

    def sample(denoise):
        draws.manual_seed(1)
        noise = lambda x: torch.randn(x.shape, generator=draws)  # noqa: E731
        return last(sampler(denoise, schedule, x, times, randn_like=noise))

    colder = scaled_score(gaussian(schedule, 0.3, 0.5), schedule, score_scale=2.0, sigma_data=0.5)
    assert torch.allclose(sample(colder), sample(gaussian(schedule, 0.3, 0.5 / math.sqrt(2))), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["heun", "dpmpp_2m", "dpmpp_2m_sde", "sa_solver", "restart"])
@pytest.mark.parametrize("score_scale", [0.5, 2.0])
def test_a_gaussian_of_sigma_data_gets_the_variance_over_the_score_scale(name, score_scale):
    """S / sqrt(k), to the one percent that 80 steps of second order leave; the mean stays."""
    schedule, sampler = Rectified(), build("core.samplers", name)
    got = spread(sampler, schedule, karras(schedule, 80), 0.5, score_scale=score_scale, sigma_data=0.5, mean=0.3)
    assert got == pytest.approx((0.3, 0.5 / math.sqrt(score_scale)), rel=0.01)


@schedules
def test_the_colder_denoiser_is_that_of_the_narrower_gaussian(schedule):
    """Exactly, at every time, alpha = 0 included: E[x0 | x_t] of N(m, S^2 / k)."""
    t, x = torch.linspace(0.05, 1, 12) * schedule.t_max, torch.linspace(-3, 3, 12)
    got = scaled_score(gaussian(schedule, 0.3, 0.5), schedule, score_scale=2.0, sigma_data=0.5)(x, t)
    assert torch.allclose(got, gaussian(schedule, 0.3, 0.5 / math.sqrt(2))(x, t), rtol=1e-9)


@schedules
def test_the_factor_of_the_score_runs_from_one_to_the_scale(schedule, two_modes):
    """score' / score = c, written out; 1 at pure noise, score_scale at clean data."""
    t, x, k, s = torch.linspace(0.02, 0.98, 25) * schedule.t_max, torch.linspace(-2, 2, 25), 3.0, 0.7
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    colder = scaled_score(two_modes.denoise(schedule), schedule, score_scale=k, sigma_data=s)
    score = (alpha * colder(x, t) - x) / sigma**2
    c = ((alpha * s) ** 2 + sigma**2) / ((alpha * s) ** 2 / k + sigma**2)
    assert torch.allclose(score, c * two_modes.score(schedule, x, t), rtol=1e-7, atol=1e-9)
    ends = schedule.time(torch.tensor([18.0, -18.0])).clamp(max=schedule.t_max)
    snr = torch.exp(log_snr(schedule, ends))
    c = (s**2 * snr + 1) / (s**2 * snr / k + 1)
    assert c[0].item() == pytest.approx(k, rel=1e-6)
    assert c[1].item() == pytest.approx(1.0, abs=max(1e-6, 2 * snr[1].item()))


@pytest.mark.parametrize("name", AFFINE)
def test_all_noise_scales_the_deviation(name):
    """On Gaussian data every sampler is affine in its noise, so noise_scale is a factor of the deviation, exactly."""
    schedule, sampler = Cosine(), build("core.samplers", name)
    times, draws = karras(schedule, 8), torch.Generator()
    noise = lambda x: torch.randn(x.shape, generator=draws)  # noqa: E731

    def sample(noise_scale):
        draws.manual_seed(2)
        source = scaled_noise(noise, noise_scale=noise_scale)
        start = prior(schedule, source(torch.empty(50)), times[0])
        return last(sampler(gaussian(schedule, 0.3, 0.5), schedule, start, times, randn_like=source))

    centre = spread(sampler, schedule, times, 0.5, score_scale=1.0, sigma_data=0.5, mean=0.3)[0]
    assert torch.allclose(sample(0.6) - centre, 0.6 * (sample(1.0) - centre), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("std", [0.1, 0.3, 0.9])
@pytest.mark.parametrize("score_scale", [0.5, 2.0])
def test_a_mode_narrower_or_wider_than_the_data_gets_the_variance_of_the_closed_form(std, score_scale):
    """The flow contracts by sqrt of A^P s^(2 Q): integrate d ln x / d sigma = sigma c / (s^2 + sigma^2) to infinity."""
    area = 0.5**2 / score_scale
    p = (0.5**2 - area) / (std**2 - area)
    got = spread(
        build("core.samplers", "heun"),
        Rectified(),
        karras(Rectified(), 200),
        std,
        score_scale=score_scale,
        sigma_data=0.5,
    )[1]
    assert got == pytest.approx(math.sqrt(area**p * std ** (2 * (1 - p))), rel=0.01)


def test_a_larger_score_narrows_modes_in_place_and_less_noise_draws_them_to_the_middle():
    """Two modes at -1 and 1 of std 0.2. Ten standard errors of 4000 samples, all of them from one start."""
    data = Mixture1D(torch.tensor([0.5, 0.5]), torch.tensor([-1.0, 1.0]), torch.tensor([0.2, 0.2]))
    schedule, n = Cosine(), 4000
    times, sigma_data = karras(schedule, 60), math.sqrt(data.moments()[1].item())
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(n, generator=generator)

    def sample(score_scale, noise_scale):
        denoise = scaled_score(data.denoise(schedule), schedule, score_scale=score_scale, sigma_data=sigma_data)
        source = scaled_noise(lambda x: torch.randn(x.shape, generator=generator), noise_scale=noise_scale)
        start = prior(schedule, noise_scale * noise, times[0])
        return last(build("core.samplers", "dpmpp_2m_sde")(denoise, schedule, start, times, randn_like=source)).abs()

    plain, colder, quieter = sample(1.0, 1.0), sample(2.0, 1.0), sample(1.0, 0.5)
    assert plain.mean().item() == pytest.approx(1.0, abs=10 * 0.2 / math.sqrt(n))
    assert plain.std().item() == pytest.approx(0.2, rel=0.1)
    assert colder.mean().item() == pytest.approx(1.0, abs=10 * 0.2 / math.sqrt(n))
    assert colder.std() < 0.75 * plain.std()
    assert quieter.mean() < 0.97


def test_temperature_one_is_what_was_given():
    """Bit for bit: the same objects."""
    denoise, path = gaussian(Cosine(), 0.0, 1.0), Brownian([1])
    assert scaled_score(denoise, Cosine(), score_scale=1.0, sigma_data=0.5) is denoise
    assert scaled_noise(path, noise_scale=1.0) is path


def test_scaled_noise_keeps_its_path():
    path, x = Brownian([1, 2]), torch.empty(2, 3)
    assert torch.equal(scaled_noise(path, noise_scale=0.5).over(x, 1.0, 2.0), 0.5 * path.over(x, 1.0, 2.0))
    assert torch.equal(scaled_noise(torch.ones_like, noise_scale=0.5)(x), torch.full((2, 3), 0.5))
    assert not hasattr(scaled_noise(torch.ones_like, noise_scale=0.5), "over")
    assert scaled_noise(torch.ones_like, noise_scale=0.5)(x.bfloat16()).dtype == torch.bfloat16


def test_the_colder_denoiser_keeps_dtype_and_takes_times_per_example():
    colder = scaled_score(lambda x, t: 0.5 * x, Cosine(), score_scale=2.0, sigma_data=0.5)
    x, t = torch.ones(3, 2), torch.tensor([0.1, 0.5, 0.9])
    assert colder(x.bfloat16(), t.float()).dtype == torch.bfloat16
    assert torch.equal(colder(x, t)[1], colder(x, t[1])[1])


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_scales_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match=f"temperature: noise_scale must be positive and finite, got {value}"):
        scaled_noise(torch.ones_like, noise_scale=value)
    with pytest.raises(ValueError, match=f"temperature: score_scale must be positive and finite, got {value}"):
        scaled_score(lambda x, t: x, Cosine(), score_scale=value, sigma_data=0.5)
