"""CFG-Zero*: the paper's fit of velocities, one guidance on every schedule, and its still first steps."""

import pytest
import torch

from core.grids.uniform import uniform
from core.guidance.cfg_zero import cfg_zero
from core.samplers.euler import euler
from core.schedule import log_snr
from core.schedules.rectified import Rectified
from tests.core.guidance.models import constant, counted, rows, schedules


def test_cfg_zero_fits_the_unconditional_velocity():
    """On the straight path, against the paper's own form: v = s v_u + w (v_c - s v_u), s = <v_c, v_u> / <v_u, v_u>."""
    c, u, x, t, w = rows(seed=1), rows(seed=2), rows(), torch.tensor(0.4), 3.0
    v_c, v_u = (x - c) / t, (x - u) / t
    s = ((v_c * v_u).flatten(1).sum(1) / (v_u * v_u).flatten(1).sum(1))[:, None, None]
    want = x - t * (s * v_u + w * (v_c - s * v_u))
    assert torch.allclose(cfg_zero(constant(c), constant(u), Rectified(), scale=w)(x, t), want)


@schedules
def test_cfg_zero_is_one_guidance_on_every_schedule(schedule):
    """The same model, seen through another schedule at the same level, is guided to the same x0_hat."""
    x, t = rows(), torch.tensor(0.7)  # on the straight path
    s = schedule.time(log_snr(Rectified(), t))
    c, u = constant(rows(seed=1)), constant(rows(seed=2))
    got = cfg_zero(c, u, schedule, scale=3.0)(x * (schedule.alpha(s) + schedule.sigma(s)), s)
    assert torch.allclose(got, cfg_zero(c, u, Rectified(), scale=3.0)(x, t))


def test_a_velocity_that_is_a_multiple_is_not_guided():
    """Where v_u is v_c but for its length, the fit removes all that classifier-free guidance would add."""
    x, t, v = rows(), torch.tensor(0.5), rows(seed=1)
    c, u = constant(x - t * v), constant(x - t * 0.3 * v)
    assert torch.allclose(cfg_zero(c, u, Rectified(), scale=5.0)(x, t), c(x, t))


@pytest.mark.parametrize(("zero_init", "still"), [(0.0, 0), (0.01, 1), (0.25, 3), (0.3, 4)])
def test_zero_init_stands_still_in_the_first_steps(zero_init, still):
    """K of N = 12 uniform steps leave x where it was and call no model: steps i with i / 12 < zero_init."""
    x, times = rows(), uniform(Rectified(), 12)
    c, u = counted(constant(rows(seed=1))), counted(constant(rows(seed=2)))
    xs = [s.x for s in euler(cfg_zero(c, u, Rectified(), scale=2.0, zero_init=zero_init), Rectified(), x, times)]
    assert [torch.allclose(y, x, rtol=1e-12) for y in xs] == [i < still for i in range(12)]
    assert (c.calls, u.calls) == (12 - still, 12 - still)
