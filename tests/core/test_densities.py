"""Training times: quantile functions against literal numbers and against the distribution of their draws."""

import math

import pytest
import torch

from core.densities.log_normal import LogNormal
from core.densities.logit_normal import LogitNormal
from core.densities.uniform import Uniform
from core.discover import build, names
from core.draws.stratified import stratified
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
QUARTILE = 0.6744897501960817  # of the standard normal


@pytest.mark.parametrize("density", names("core.densities"))
@schedules
def test_every_draw_is_a_time_of_the_schedule(density, schedule):
    """In (0, t_max] for the most extreme float32 draws that `stratified` gives, and increasing in between."""
    edge = torch.finfo(torch.float32).eps / 2
    u = torch.cat([torch.tensor([edge]), torch.linspace(0.001, 0.999, 99), torch.tensor([1 - edge])]).float()
    t = build("core.densities", density)(u, schedule)
    assert t.dtype == torch.float32
    assert (t > 0).all()
    assert (t.double() <= schedule.t_max * (1 + 1e-7)).all()
    assert (t.diff() >= 0).all()
    assert (t[1:-1].diff() > 0).all()


def test_uniform_quantiles():
    assert Uniform()(torch.tensor([0.25, 0.5]), EDM()).tolist() == [20, 40]


def test_log_normal_quantiles_are_those_of_edm():
    """Karras et al. 2022: ln sigma ~ N(-1.2, 1.2^2), so the median is e^-1.2 = 0.3012."""
    t = LogNormal()(torch.tensor([0.25, 0.5, 0.75]), EDM())
    assert t.tolist() == pytest.approx([math.exp(-1.2 + 1.2 * z) for z in (-QUARTILE, 0, QUARTILE)])
    assert t[1].item() == pytest.approx(0.3012, abs=1e-4)


@schedules
def test_log_normal_levels_do_not_depend_on_the_schedule(schedule):
    t = LogNormal(mean=0.3, std=0.8)(torch.tensor([0.25, 0.5, 0.75]), schedule)
    level = -log_snr(schedule, t) / 2  # ln(sigma / alpha)
    assert level.tolist() == pytest.approx([0.3 + 0.8 * z for z in (-QUARTILE, 0, QUARTILE)])


def test_logit_normal_quantiles():
    t = LogitNormal(mean=0.5)(torch.tensor([0.25, 0.5, 0.75]), Cosine())
    assert (t / Cosine().t_max).tolist() == pytest.approx(
        [1 / (1 + math.exp(-0.5 - z)) for z in (-QUARTILE, 0, QUARTILE)]
    )


def test_logit_normal_is_log_normal_on_the_straight_path():
    u = torch.linspace(0.01, 0.99, 9)
    assert torch.allclose(LogitNormal(mean=0.2, std=0.7)(u, Rectified()), LogNormal(mean=0.2, std=0.7)(u, Rectified()))


@pytest.mark.parametrize("density", ["log_normal", "logit_normal"])
def test_no_spread_is_refused(density):
    with pytest.raises(ValueError, match=f"density {density}: std must be positive, got 0"):
        build("core.densities", density, {"std": 0.0})


@pytest.mark.parametrize("n", [1, 7, 1024])
def test_stratified_puts_one_draw_in_each_stratum(n, generator):
    u = stratified(n, generator)
    assert u.dtype == torch.float32
    assert (u > 0).all()
    assert (u < 1).all()
    assert (u * n).floor().long().sort().values.tolist() == list(range(n))


def test_stratifying_cuts_the_variance_of_a_mean(generator):
    """Var of the batch mean of u falls from 1 / (12 n) to 1 / (12 n^3), by quadrature over strata."""
    n = 8
    means = torch.stack([stratified(n, generator).double().mean() for _ in range(4000)])
    assert means.var().item() == pytest.approx(1 / (12 * n**3), rel=5 * math.sqrt(2 / 4000))


def test_the_generator_alone_decides():
    a, b = (stratified(16, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert not torch.equal(a, stratified(16, torch.Generator().manual_seed(4)))


PDF = {
    "uniform": ("time", lambda t: torch.ones_like(t)),
    "log_normal": ("level", lambda y: (-(((y + 1.2) / 1.2) ** 2) / 2).exp() / (1.2 * math.sqrt(2 * math.pi))),
    "logit_normal": ("time", lambda t: (-(torch.logit(t) ** 2) / 2).exp() / (math.sqrt(2 * math.pi) * t * (1 - t))),
    "mode": ("time", lambda t: mode_pdf(t, 1.29)),
    "cosine_map": ("time", lambda t: 2 / (math.pi - 2 * math.pi * t + 2 * math.pi * t**2)),
    "laplace": ("log_snr", lambda y: (-y.abs() / 0.5).exp()),
    "log_snr": ("log_snr", lambda y: ((y > -5) & (y < 13.3)) / 18.3),
}
"""The densities as their papers print them: of the share of t_max, of ln(sigma / alpha), or of log-SNR."""


def mode_pdf(t, scale):
    """Esser et al. 2024, eq. 20, inverted by bisection as they do: |d f^-1 / dt| with f falling in their u."""
    low, high = torch.zeros_like(t), torch.ones_like(t)
    for _ in range(60):
        u = (low + high) / 2
        above = 1 - u - scale * (torch.cos(math.pi / 2 * u) ** 2 - 1 + u) > t
        low, high = torch.where(above, u, low), torch.where(above, high, u)
    return 1 / (1 + scale - scale * math.pi / 2 * torch.sin(math.pi * u)).abs()


@pytest.mark.parametrize("density", names("core.densities"))
def test_quantiles_integrate_the_density_of_the_paper(density):
    """The integral of the pdf from quantile a to quantile b is b - a, by 4000 trapezoids, on the cosine schedule."""
    schedule, (variable, pdf) = Cosine(), PDF[density]
    u = torch.tensor([0.05, 0.2, 0.5, 0.7, 0.95])
    t = build("core.densities", density)(u, schedule)
    y = {"time": t / schedule.t_max, "level": -log_snr(schedule, t) / 2, "log_snr": log_snr(schedule, t)}[variable]
    for i in range(4):
        grid = torch.linspace(0, 1, 4001) * (y[i + 1] - y[i]) + y[i]
        assert torch.trapezoid(pdf(grid), grid).abs().item() == pytest.approx((u[i + 1] - u[i]).item(), rel=1e-5)


def test_mode_and_cosine_map_quantiles():
    """t(1/2) = 1/2 by symmetry; at scale 1 and u' = 1/4, 3/4 - (cos^2(pi / 8) - 3/4) = 0.6464; tan(pi / 8) = 0.4142."""
    u = torch.tensor([0.25, 0.5, 0.75])
    quarter = 1.5 - math.cos(math.pi / 8) ** 2
    t = build("core.densities", "mode", {"scale": 1.0})(u, Rectified())
    assert t.tolist() == pytest.approx([1 - quarter, 0.5, quarter])
    assert build("core.densities", "mode", {"scale": 0.0})(u, EDM()).tolist() == pytest.approx([20, 40, 60])
    third = 1 - 1 / (math.tan(math.pi / 8) + 1)
    assert build("core.densities", "cosine_map")(u, Rectified()).tolist() == pytest.approx([third, 0.5, 1 - third])


def test_cosine_map_is_the_cosine_schedules_log_snr():
    """Esser et al. 2024, sec. 3.1: what it is made for."""
    u = torch.linspace(0.01, 0.99, 9)
    mapped = build("core.densities", "cosine_map")(u, Rectified())
    plain = Cosine(offset=0.0, t_max=1.0)
    assert torch.allclose(log_snr(Rectified(), mapped), log_snr(plain, Uniform()(u, plain)))


@schedules
def test_laplace_and_log_snr_do_not_depend_on_the_schedule(schedule):
    """Hang et al. 2024, table 1: lambda = mean - b sgn(1/2 - u) ln(1 - 2 |u - 1/2|), of which the quartiles are b ln 2
    from the mean. On times that the schedule reaches."""
    u = torch.tensor([0.25, 0.5, 0.75])
    t = build("core.densities", "laplace", {"mean": 0.5, "scale": 2.0})(u, schedule)
    assert log_snr(schedule, t).tolist() == pytest.approx([0.5 - 2 * math.log(2) * k for k in (-1, 0, 1)], abs=1e-6)
    t = build("core.densities", "log_snr", {"low": -3.0, "high": 5.0})(u, schedule)
    assert log_snr(schedule, t).tolist() == pytest.approx([3, 1, -1], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("mode", {"scale": 1.8}, "density mode: scale must lie in [-1, 2 / (pi - 2)] = [-1, 1.7519], got 1.8"),
        ("mode", {"scale": -1.1}, "density mode: scale must lie in [-1, 2 / (pi - 2)] = [-1, 1.7519], got -1.1"),
        ("laplace", {"scale": 0.0}, "density laplace: scale must be positive, got 0.0"),
        ("log_snr", {"low": 2.0, "high": 2.0}, "density log_snr: low must lie below high, got 2.0 and 2.0"),
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(ValueError) as caught:
        build("core.densities", name, options)
    assert str(caught.value) == line
