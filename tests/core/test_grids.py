"""Every grid on every schedule: falls strictly from its start to exactly 0, with the spacing that it states."""

import math

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from core.discover import build, names
from core.grids._beta import beta_quantile
from core.grids.beta import beta
from core.grids.exponential import exponential
from core.grids.karras import karras
from core.grids.leading import leading
from core.grids.levels import levels
from core.grids.linspace import linspace
from core.grids.log_snr import log_snr as log_snr_grid
from core.grids.quadratic import quadratic
from core.grids.times import times as times_grid
from core.grids.trailing import trailing
from core.grids.uniform import uniform
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified

grids = pytest.mark.parametrize("grid", names("core.grids"))
schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)

BELOW_T_MAX = {"leading"}
"""Grids that start below t_max, which is what is wrong with them."""


@grids
@schedules
@pytest.mark.parametrize("steps", [1, 2, 18, 1000])
def test_falls_strictly_from_t_max_to_zero(grid, schedule, steps):
    times = build("core.grids", grid)(schedule, steps)
    assert times.dtype == torch.float64
    assert times.shape == (steps + 1,)
    if grid in BELOW_T_MAX and steps < 1000:
        assert 0 < times[0] < schedule.t_max
    else:
        assert times[0] == schedule.t_max
    assert times[-1] == 0
    assert (times.diff() < 0).all()


def level(schedule, times):
    return torch.exp(-log_snr(schedule, times) / 2)


def test_uniform_is_equal_in_time():
    assert uniform(Rectified(), 4).tolist() == [1, 0.75, 0.5, 0.25, 0]


# --- spaced in the noise level -----------------------------------------------------------------------


def test_karras_is_equation_5():
    """Karras et al. 2022: sigma_i = (80^(1/7) + i / 17 (0.002^(1/7) - 80^(1/7)))^7 for 18 steps; sigma_9 by hand."""
    times = karras(EDM(), 18)
    want = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)] + [0]
    assert times.tolist() == pytest.approx(want, rel=1e-12)
    assert times[[1, 9, 17]].tolist() == pytest.approx([57.586, 1.9234, 0.002], rel=1e-4)


@schedules
@pytest.mark.parametrize("grid", [karras, log_snr_grid, exponential, levels])
def test_levels_do_not_depend_on_the_schedule(grid, schedule):
    """The same sigma / alpha everywhere but at the ends, which are the schedule's own."""
    top = min(80.0, level(schedule, torch.tensor(schedule.t_max)).item())
    got, want = (level(s, grid(s, 18))[1:-1] for s in (schedule, EDM(t_max=top)))
    assert torch.allclose(got, want, rtol=1e-8)


@schedules
@pytest.mark.parametrize("grid", [log_snr_grid, exponential, levels])
def test_log_snr_is_equal_in_log_snr(grid, schedule):
    """Three names of one spacing by default: each goes on where the others cannot."""
    top = min(80.0, level(schedule, torch.tensor(schedule.t_max)).item())
    steps = log_snr(schedule, grid(schedule, 10)[1:-1]).diff()
    assert torch.allclose(steps, torch.full_like(steps, 2 * math.log(top / 0.002) / 9), rtol=1e-7)


def test_log_snr_is_karras_at_infinite_rho():
    assert torch.allclose(karras(EDM(), 12, rho=1e6), log_snr_grid(EDM(), 12), rtol=1e-4)


def test_exponential_bends_by_rho():
    """k-diffusion's polyexponential: ln sigma = ramp^rho (ln max - ln min) + ln min; the middle of three at rho 2."""
    times = exponential(EDM(t_max=100.0), 3, sigma_min=0.01, sigma_max=100.0, rho=2.0)
    assert times.tolist() == pytest.approx([100, 0.01 * 10 ** (4 / 4), 0.01, 0], rel=1e-12)


def test_a_schedule_that_ends_early_is_spaced_from_its_own_end():
    roots = karras(EDM(t_max=10.0), 5)[:-1] ** (1 / 7)
    assert torch.allclose(roots.diff(), roots.diff()[:1])


# --- spaced in time ----------------------------------------------------------------------------------


def test_quadratic_is_equal_in_the_root_of_time():
    assert quadratic(Rectified(), 4).tolist() == [1, 9 / 16, 1 / 4, 1 / 16, 0]
    roots = quadratic(Linear(), 9, power=3.0) ** (1 / 3)
    assert torch.allclose(roots.diff(), roots.diff()[:1])
    assert torch.equal(quadratic(Cosine(), 9, power=1.0), Cosine().t_max * torch.linspace(1, 0, 10))


def test_beta_quantiles_in_closed_form():
    """Beta(1/2, 1/2) is the arcsine law, x = sin^2(pi u / 2); Beta(a, 1) is x = u^(1/a); Beta(1, b) its mirror."""
    u = torch.linspace(0, 1, 101)
    assert torch.allclose(beta_quantile(u, 0.5, 0.5), torch.sin(torch.pi * u / 2) ** 2, rtol=1e-13, atol=1e-15)
    assert torch.allclose(beta_quantile(u, 3.0, 1.0), u ** (1 / 3), rtol=1e-13, atol=0)
    assert torch.allclose(beta_quantile(u, 1.0, 0.4), 1 - (1 - u) ** (1 / 0.4), rtol=1e-13, atol=1e-15)
    assert torch.allclose(beta(Rectified(), 10, a=1.0, b=1.0), uniform(Rectified(), 10), rtol=1e-13)


@given(st.floats(0.3, 20), st.floats(0.3, 20), st.integers(1, 999))
@settings(max_examples=25, deadline=None, phases=[Phase.generate])
def test_the_quantile_inverts_scipys_distribution(a, b, k):
    """Through its distribution function, which the beta density bounds: |dF| <= 1e-12 is rounding of x alone."""
    stats = pytest.importorskip("scipy.stats")
    x = beta_quantile(torch.tensor([k / 1000], dtype=torch.float64), a, b).item()
    want = stats.beta.cdf(x, a, b)
    assert want == pytest.approx(k / 1000, abs=1e-12 + 4e-16 * stats.beta.pdf(x, a, b))


# --- tables ------------------------------------------------------------------------------------------


def test_table_spacings_are_lins_table_2():
    """Lin et al. 2024, table 2: T = 1000, S = 10, with timesteps that count from 1 as there."""
    rows = [(torch.round(1000 * grid(Rectified(), 10)[:-1])).int().tolist() for grid in (leading, linspace, trailing)]
    assert rows[0] == [901, 801, 701, 601, 501, 401, 301, 201, 101, 1]
    assert rows[1] == [1000, 889, 778, 667, 556, 445, 334, 223, 112, 1]
    assert rows[2] == [1000, 900, 800, 700, 600, 500, 400, 300, 200, 100]
    assert torch.allclose(trailing(Cosine(), 8), uniform(Cosine(), 8))
    assert leading(Rectified(), 10, offset=1)[0].item() == pytest.approx(0.902)


# --- the user's own ----------------------------------------------------------------------------------


def test_own_times_are_taken_as_they_are():
    own = (0.9, 0.5, 0.3)
    assert times_grid(Cosine(), 3, times=own).tolist() == [*own, 0]
    assert times_grid(Cosine(), 6, times=own).tolist() == pytest.approx([0.9, 0.7, 0.5, 0.4, 0.3, 0.15, 0])
    assert torch.allclose(times_grid(Cosine(), 7), uniform(Cosine(), 7))


def test_own_levels_are_taken_as_they_are():
    """Between them, another number is linear in the logarithm of the level; a first above t_max's counts as that."""
    own = (64.0, 16.0, 1.0)
    assert levels(EDM(t_max=64.0), 3, levels=own).tolist() == pytest.approx([*own, 0], rel=1e-12)
    assert levels(EDM(t_max=64.0), 5, levels=own).tolist() == pytest.approx([64, 32, 16, 4, 1, 0], rel=1e-12)
    assert levels(EDM(t_max=40.0), 3, levels=own).tolist() == pytest.approx([40, 16, 1, 0], rel=1e-12)
    assert level(Cosine(), levels(Cosine(), 3, levels=own))[1:-1].tolist() == pytest.approx([16, 1], rel=1e-9)


@pytest.mark.parametrize(
    ("grid", "steps", "options"),
    [
        ("uniform", 0, {}),
        ("karras", 0, {}),
        ("karras", 5, {"rho": 0.0}),
        ("karras", 5, {"sigma_min": 0.0}),
        ("karras", 5, {"sigma_min": 90.0}),
        ("log_snr", 5, {"sigma_min": -1.0}),
        ("log_snr", -1, {}),
        ("exponential", 5, {"rho": -1.0}),
        ("exponential", 5, {"sigma_min": 80.0}),
        ("quadratic", 0, {}),
        ("quadratic", 5, {"power": 0.0}),
        ("beta", 5, {"a": 0.0}),
        ("beta", 0, {}),
        ("leading", 1001, {}),
        ("leading", 10, {"offset": 100}),
        ("leading", 10, {"offset": -1}),
        ("trailing", 0, {}),
        ("linspace", 11, {"train_steps": 10}),
        ("times", 3, {"times": (0.5, 0.5, 0.2)}),
        ("times", 3, {"times": (0.5, 0.2, 0.0)}),
        ("times", 3, {"times": (81.0, 0.2)}),
        ("times", 0, {}),
        ("levels", 3, {"levels": (1.0, 2.0)}),
        ("levels", 3, {"levels": (90.0, 85.0, 1.0)}),
        ("levels", 3, {"levels": (1.0, -1.0)}),
        ("levels", 3, {"levels": ()}),
    ],
    ids=str,
)
def test_impossible_grids_are_refused_in_one_line(grid, steps, options):
    with pytest.raises(ValueError, match=f"grid {grid}: .*got") as caught:
        build("core.grids", grid, options)(EDM(), steps)
    assert "\n" not in str(caught.value)


# --- equality with diffusers -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diffusers():
    """Loading it costs seconds: once, and only here."""
    return pytest.importorskip("diffusers")


@pytest.mark.parametrize("grid", [leading, linspace])
def test_table_spacings_are_diffusers_own(diffusers, grid):
    """For every number of steps from 2 to 1000: timestep k of theirs is the time (k + 1) / 1000."""
    scheduler = diffusers.DDIMScheduler(timestep_spacing=grid.__name__, steps_offset=0)
    for n in range(2, 1001):
        scheduler.set_timesteps(n)
        assert torch.equal(torch.round(1000 * grid(Rectified(), n)[:-1]).long() - 1, scheduler.timesteps), n


def test_trailing_is_diffusers_own_but_for_halves(diffusers):
    """An entry exactly half-way between two we round to even; theirs follows a rounding error, and so may differ by
    one. Theirs has a last timestep -1, no entry of any table, for 62 numbers of steps: where they are wrong."""
    scheduler, too_long = diffusers.DDIMScheduler(timestep_spacing="trailing"), []
    for n in range(1, 1001):
        scheduler.set_timesteps(n)
        theirs, ours = scheduler.timesteps, torch.round(1000 * trailing(Rectified(), n)[:-1]).long() - 1
        half = (2 * torch.arange(n) * 1000) % (2 * n) == n
        assert ((ours - theirs[:n]).abs() <= half.long()).all(), n
        if len(theirs) > n:
            assert theirs[n:].tolist() == [-1]
            too_long.append(n)
    assert (len(too_long), too_long[0]) == (62, 61)


@pytest.mark.parametrize("grid", ["karras", "exponential", "beta"])
def test_level_spacings_are_diffusers_own(diffusers, grid):
    """Through their converters; beta spaces levels there and times here, which are one thing on `edm`."""
    scheduler = diffusers.EulerDiscreteScheduler(**{f"use_{grid}_sigmas": True})
    low, high = (0.0, 14.6) if grid == "beta" else (0.03, 14.6)
    theirs = getattr(scheduler, f"_convert_to_{grid}")(torch.tensor([high, low]), 12)
    ours = build("core.grids", grid, {} if grid == "beta" else {"sigma_min": torch.tensor(low).float().item()})
    times = ours(EDM(t_max=torch.tensor(high).float().item()), 11 if grid == "beta" else 12)
    want = theirs.tolist() if grid == "beta" else [*theirs.tolist(), 0]
    assert times.tolist() == pytest.approx(want, rel=1e-6, abs=1e-12)
