"""DDNM+: as much noise as the measurement left out; without any it is DDNM."""

import pytest
import torch

from core.forward import reversal
from core.grids.karras import karras
from core.measurement import Measurement, measure
from core.operators.downsample import Downsample
from core.posterior.ddnm import ddnm
from core.posterior.ddnm_plus import ddnm_plus
from core.samplers.ddpm import ddpm
from core.sampling import last
from core.schedules.cosine import Cosine
from tests.core.posterior.problems import seeded


@pytest.mark.parametrize("noise_std", [0.0, 0.3, 3.0])
def test_ddnm_plus_draws_as_much_noise_as_the_measurement_left_out(noise_std):
    """Data at a point: mean of x_s and, over y's noise and the step's own draw together, the variance of the posterior
    q(x_s | x_t, x0) in the range of A and outside of it. By impulses, no Monte Carlo."""
    schedule, times, x0 = Cosine(), torch.tensor([0.5, 0.4]), torch.tensor([[0.7, 0.7, 0.1, 0.1]])
    operator, x = Downsample(2), torch.ones(1, 4)

    def step(n, z):
        measurement = Measurement(operator, operator(x0) + noise_std * n, noise_std)
        run = ddnm_plus(ddpm, measurement)
        return last(run(lambda x, t: x0 + 0 * x, schedule, x, times, randn_like=lambda x: z))

    from_x, from_x0, std = reversal(schedule, times[1:], times[:-1])
    zero_n, zero_z = torch.zeros(1, 2), torch.zeros(1, 4)
    mean = step(zero_n, zero_z)
    assert torch.allclose(mean, from_x * x + from_x0 * x0)
    columns = [step(torch.eye(2)[i : i + 1], zero_z) - mean for i in range(2)]
    columns += [step(zero_n, torch.eye(4)[i : i + 1]) - mean for i in range(4)]
    cov = sum(c.T @ c for c in columns)
    assert torch.allclose(cov, std**2 * torch.eye(4), atol=1e-12)


def test_ddnm_plus_without_noise_is_ddnm_by_ancestral_steps(two, generator):
    measurement = measure(Downsample(2), two.sample(1, generator))
    x, times = torch.randn(3, 6, generator=generator), karras(Cosine(), 8)
    a, b = (
        last(f(ddpm, measurement)(two.denoise(Cosine()), Cosine(), x, times, randn_like=seeded()))
        for f in (ddnm, ddnm_plus)
    )
    assert torch.allclose(measurement.residual(b), torch.zeros(1, 3), atol=1e-10)
    assert torch.allclose(a[:, ::2] + a[:, 1::2], b[:, ::2] + b[:, 1::2], atol=1e-10)
