"""Grids by optimisation: the path is the shortest, the costs are those of closed forms, and samples get better."""

import itertools
import math

import pytest
import torch

from core.align import align, flow_error, path_divergence, shortest_path
from core.analytic import Mixture1D
from core.grids.karras import karras
from core.grids.log_snr import log_snr as log_snr_grid
from core.samplers.ddim import ddim
from core.samplers.ddpm import ddpm
from core.samplers.dpmpp_2m import dpmpp_2m
from core.sampling import last
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

STD = 0.7
COSTS = [path_divergence, flow_error]
costs = pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.__name__)


def seeded(seed=0):
    g = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=g, dtype=x.dtype)


@pytest.fixture
def narrow_modes():
    """Modes far narrower than the gap between them: no spacing by formula knows where the decision falls."""
    return Mixture1D(torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 0.8]), torch.tensor([0.05, 0.1]))


@pytest.fixture
def gaussian():
    return Mixture1D(torch.ones(1), torch.zeros(1), torch.tensor([STD]))


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_the_path_is_the_shortest_of_all(n):
    c = torch.rand(9, 9, generator=torch.Generator().manual_seed(n))
    paths = [(0, *middle, 8) for middle in itertools.combinations(range(1, 8), n - 2)]
    length = lambda path: sum(c[a, b].item() for a, b in itertools.pairwise(path))  # noqa: E731
    assert shortest_path(c, n) == list(min(paths, key=length))


def test_path_divergence_of_a_gaussian(gaussian):
    """x0_hat is a martingale along the path, so E |D_u - D_t|^2 = E |D_u|^2 - E |D_t|^2, and for N(0, s^2) data
    E |D_u|^2 = s^4 / (s^2 + u^2). A mean over 20000 examples knows it to 1 or 2 %."""
    levels = torch.logspace(1, -1.5, 120)
    x0 = gaussian.sample((20000,), torch.Generator().manual_seed(0))
    got = path_divergence(gaussian.denoise(EDM()), x0, levels, seeded())
    for j, k in ((0, 60), (15, 90), (36, 119), (90, 99)):
        fine = torch.logspace(math.log10(levels[j]), math.log10(levels[k]), 4001)
        rate = (STD**4 / (STD**2 + fine**2) - STD**4 / (STD**2 + levels[j] ** 2)) / fine**3
        assert got[j, k].item() == pytest.approx(-torch.trapezoid(rate, fine).item(), rel=0.05)


def test_flow_error_of_a_gaussian(gaussian):
    """The flow is linear, x_k = x_j r_k / r_j with r = sqrt(s^2 + level^2), and the end is x_k s / r_k times what the
    last step to 0 adds; DDIM's step multiplies by q + (1 - q) s^2 / r_j^2, q the ratio of levels."""
    levels = torch.logspace(1, -1.5, 60)
    x0 = gaussian.sample((4000,), torch.Generator().manual_seed(0))
    got = flow_error(gaussian.denoise(EDM()), x0, levels, seeded())
    r = torch.hypot(levels, torch.tensor(STD))
    for j, k in ((0, 20), (5, 30), (12, 59)):
        q = levels[k] / levels[j]
        local = (r[k] - r[j] * (q + (1 - q) * (STD / r[j]) ** 2)).abs()
        assert got[j, k].item() == pytest.approx((local * STD / r[k]).item(), rel=0.05)


def divergence(data, times, n=20000):
    """KL of the data from ddpm's samples in nats, by histogram, one seed for all grids."""
    noise, g = seeded(3), torch.Generator().manual_seed(4)
    x = times[0] * torch.randn(n, generator=g)
    y = last(ddpm(data.denoise(EDM()), EDM(), x, times, randn_like=noise))
    edges = torch.linspace(-1.5, 1.5, 61)
    edges[0], edges[-1] = -99, 99
    h = torch.histogram(y, edges)[0] / n + 1e-6
    p = data.cdf(EDM(), edges, torch.tensor(1e-9)).diff() + 1e-6
    return (h * (h / p).log()).sum().item()


@pytest.mark.parametrize("steps", [5, 10, 16])
def test_the_divergence_of_samples_falls(narrow_modes, steps):
    """Measured at 5, 10, 16 steps: 0.45, 0.07, 0.03 nats, against 0.72, 0.12, 0.05 of equal steps in log-SNR and
    1.99, 0.29, 0.09 of Karras's."""
    x0 = narrow_modes.sample((512,), torch.Generator().manual_seed(0))
    options = {"cost": path_divergence, "sigma_min": 0.02, "randn_like": seeded()}
    times = align(narrow_modes.denoise(EDM()), EDM(), x0, steps, **options)
    got = divergence(narrow_modes, times)
    assert got < 0.8 * divergence(narrow_modes, log_snr_grid(EDM(), steps, sigma_min=0.02))
    assert got < 0.5 * divergence(narrow_modes, karras(EDM(), steps, sigma_min=0.02))


@pytest.mark.parametrize("steps", [8, 10, 16])
@pytest.mark.parametrize("sampler", [ddim, dpmpp_2m])
def test_the_error_against_the_exact_flow_falls(narrow_modes, steps, sampler):
    """Measured at 10 steps from 80 to 0.002: ddim 0.05 against 0.10 of both, dpmpp_2m 0.03 against 0.07 and 0.13."""
    x0 = narrow_modes.sample((256,), torch.Generator().manual_seed(0))
    times = align(narrow_modes.denoise(EDM()), EDM(), x0, steps, cost=flow_error, randn_like=seeded())
    x = 80 * torch.randn(2000, generator=torch.Generator().manual_seed(1))
    exact = narrow_modes.flow(EDM(), x, torch.tensor(80.0), torch.tensor(1e-4))

    def error(times):
        return (last(sampler(narrow_modes.denoise(EDM()), EDM(), x, times)) - exact).abs().mean().item()

    assert error(times) < 0.85 * error(log_snr_grid(EDM(), steps))
    assert error(times) < 0.6 * error(karras(EDM(), steps))


@costs
@pytest.mark.parametrize("schedule", [Cosine(), Rectified()], ids=str)
def test_the_grid_is_one_of_levels(cost, schedule, gaussian):
    """The same levels on every schedule, t_max first and 0 last, under inference mode too."""
    x0 = gaussian.sample((64, 2, 3), torch.Generator().manual_seed(0))
    options = {"cost": cost, "sigma_min": 0.01, "sigma_max": 60.0, "candidates": 48}
    with torch.inference_mode():
        times, want = (
            align(gaussian.denoise(s), s, x0, 7, randn_like=seeded(), **options) for s in (schedule, EDM(t_max=60.0))
        )
    assert (times[0], times[-1], len(times)) == (schedule.t_max, 0, 8)
    assert (times.diff() < 0).all()
    assert torch.allclose(torch.exp(-log_snr(schedule, times[1:-1]) / 2), want[1:-1], rtol=1e-6)
    assert align(gaussian.denoise(schedule), schedule, x0, 1, **options).tolist() == [schedule.t_max, 0]


@pytest.mark.parametrize("options", [{"steps": 0}, {"steps": 200}, {"sigma_min": 0.0}, {"sigma_min": 99.0}], ids=str)
def test_impossible_grids_are_refused(options, gaussian):
    with pytest.raises(ValueError, match="align: needs 1 <= steps <= candidates and 0 < sigma_min < 80, got"):
        align(gaussian.denoise(EDM()), EDM(), torch.zeros(4), cost=flow_error, **{"steps": 5, **options})
