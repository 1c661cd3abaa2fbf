"""Every grid on every schedule: falls strictly from t_max to exactly 0, with the spacing that it states."""

import math

import pytest
import torch

from core.discover import build, names
from core.grids.karras import karras
from core.grids.log_snr import log_snr as log_snr_grid
from core.grids.uniform import uniform
from core.schedule import log_snr
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

grids = pytest.mark.parametrize("grid", names("core.grids"))
schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)


@grids
@schedules
@pytest.mark.parametrize("steps", [1, 2, 18, 1000])
def test_falls_strictly_from_t_max_to_zero(grid, schedule, steps):
    times = build("core.grids", grid)(schedule, steps)
    assert times.dtype == torch.float64
    assert times.shape == (steps + 1,)
    assert times[0] == schedule.t_max
    assert times[-1] == 0
    assert (times.diff() < 0).all()


def test_uniform_is_equal_in_time():
    assert uniform(Rectified(), 4).tolist() == [1, 0.75, 0.5, 0.25, 0]


def test_karras_is_equation_5():
    """Karras et al. 2022: sigma_i = (80^(1/7) + i / 17 (0.002^(1/7) - 80^(1/7)))^7 for 18 steps; sigma_9 by hand."""
    times = karras(EDM(), 18)
    want = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)] + [0]
    assert times.tolist() == pytest.approx(want, rel=1e-12)
    assert times[[1, 9, 17]].tolist() == pytest.approx([57.586, 1.9234, 0.002], rel=1e-4)


@schedules
def test_levels_do_not_depend_on_the_schedule(schedule):
    """The same sigma / alpha everywhere but at the ends, which are the schedule's own."""
    level = torch.exp(-log_snr(schedule, karras(schedule, 18)) / 2)
    assert torch.allclose(level[1:-1], karras(EDM(), 18)[1:-1], rtol=1e-8)


@schedules
def test_log_snr_is_equal_in_log_snr(schedule):
    steps = log_snr(schedule, log_snr_grid(schedule, 10)[1:-1]).diff()
    assert torch.allclose(steps, torch.full_like(steps, 2 * math.log(80 / 0.002) / 9), rtol=1e-7)


def test_a_schedule_that_ends_early_is_spaced_from_its_own_end():
    roots = karras(EDM(t_max=10.0), 5)[:-1] ** (1 / 7)
    assert torch.allclose(roots.diff(), roots.diff()[:1])


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
    ],
    ids=str,
)
def test_impossible_grids_are_refused_in_one_line(grid, steps, options):
    with pytest.raises(ValueError, match=f"grid {grid}: .*got") as caught:
        build("core.grids", grid, options)(EDM(), steps)
    assert "\n" not in str(caught.value)
