"""DiffPIR: one step by hand, and exact only in the limit of little noise."""

import functools

import torch

from core.measurement import Measurement, measure
from core.operators.downsample import Downsample
from core.operators.identity import Identity
from core.posterior.diffpir import diffpir
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from tests.core.posterior.problems import answer, exact_posterior, seeded


def test_diffpir_is_the_exact_posterior_only_in_the_limit_of_little_noise(white, generator):
    """Its variance level^2 is that of x0 given x_t where level is far below sigma_data: the gap falls with level^2."""
    measurement, gaps = measure(Downsample(2), white.sample(1, generator), noise_std=0.02, randn_like=seeded(2)), []
    exact = exact_posterior(white, measurement).denoise(EDM())
    x0 = white.sample(4, generator)
    for level in (0.02, 0.01, 0.005):
        t = torch.tensor(level)
        got = answer(functools.partial(diffpir, measurement=measurement), white.denoise(EDM()), EDM(), x0, t)
        gaps.append((got - exact(x0, t)).abs().max().item())
    assert gaps[0] < 2e-3
    assert gaps[0] / gaps[2] > 16


def test_diffpir_exchanges_noise_as_in_its_algorithm():
    """With DDIM: x_s = alpha x0_y + sigma (sqrt(1 - zeta) eps + sqrt(zeta) z), and x0_y by its quadratic problem."""
    schedule, times = Cosine(), torch.tensor([0.6, 0.3])
    x, y, z, lam, noise_std = torch.tensor([[1.0, -0.4]]), torch.tensor([[0.2, 0.9]]), torch.ones(1, 2), 7.0, 0.3
    run = diffpir(ddim, Measurement(Identity(), y, noise_std), lam=lam, zeta=0.36)
    got = last(run(lambda x, t: x / 2, schedule, x, times, randn_like=lambda x: z))
    (alpha_t, alpha_s), (sigma_t, sigma_s) = schedule.alpha(times), schedule.sigma(times)
    rho = lam * noise_std**2 * alpha_t**2 / sigma_t**2
    x0 = (y + rho * x / 2) / (1 + rho)
    eps = (x - alpha_t * x0) / sigma_t
    assert torch.allclose(got, alpha_s * x0 + sigma_s * (0.8 * eps + 0.6 * z))
