"""DPS: one step by hand."""

import torch

from core.measurement import Measurement
from core.operators.identity import Identity
from core.posterior.dps import dps
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedules.edm import EDM


def test_dps_takes_its_step_against_the_gradient_of_the_distance():
    """By hand: x0_hat = x / 2 and A = I, so d|y - x / 2| / dx = -(y - x / 2) / (2 |y - x / 2|)."""
    times, x, y = torch.tensor([1.0, 0.5]), torch.tensor([[2.0, 0.0]]), torch.tensor([[4.0, 4.0]])
    run = dps(ddim, Measurement(Identity(), y), scale=0.3)
    got = last(run(lambda x, t: x / 2, EDM(), x, times))
    plain = last(ddim(lambda x, t: x / 2, EDM(), x, times))
    assert torch.allclose(got, plain + 0.3 * torch.tensor([[3.0, 4.0]]) / (2 * 5))
    fits = dps(ddim, Measurement(Identity(), x / 2))
    assert torch.equal(last(fits(lambda x, t: x / 2, EDM(), x, times)), plain)
