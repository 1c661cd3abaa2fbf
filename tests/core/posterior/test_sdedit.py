"""SDEdit: where it starts, and from which level it draws from the exact posterior."""

import pytest
import torch

from core.grids.karras import karras
from core.measurement import Measurement
from core.operators.identity import Identity
from core.posterior.sdedit import sdedit
from core.samplers.ddim import ddim
from core.samplers.ddpm import ddpm
from core.sampling import last
from core.schedules.edm import EDM


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 1.0])
def test_sdedit_starts_where_it_says(strength):
    """The guide noised to each time until the start, then the sampler; strength 0 is the guide itself."""
    times, calls, z = karras(EDM(), 10), [], torch.full((1, 4), 0.7)

    def denoise(x, t):
        calls.append((t.item(), x.clone()))
        return x * 0

    guide = torch.arange(4.0)[None]
    run = sdedit(ddim, Measurement(Identity(), guide), strength=strength)
    states = list(run(denoise, EDM(), torch.empty(1, 4), times, randn_like=lambda x: z))
    skipped = 10 - round(10 * strength)
    assert [t for t, _ in calls] == times[skipped:-1].tolist()
    for (t, x), want in zip(states[:skipped], times[1:], strict=False):
        assert torch.allclose(x, guide + want * z)
        assert t == want
    if strength == 0:
        assert torch.equal(states[-1].x, guide)
    else:
        assert torch.allclose(calls[0][1], guide + times[skipped] * z)


def test_sdedit_from_the_level_of_the_noise_samples_the_exact_posterior(two_modes):
    """y = x0 + noise_std n is x_t itself at the level noise_std: nothing is added, and ancestral steps from there draw
    from p(x0 | y). One Gaussian, by affine recursion: mean and variance to first order in the step."""
    mean, std, noise_std, y = 0.3, 0.8, 0.5, torch.tensor([1.4])

    def denoise(x, t):
        return mean + std**2 / (std**2 + t**2) * (x - mean)

    exact_mean = mean + std**2 / (std**2 + noise_std**2) * (y.item() - mean)
    exact_var = std**2 * noise_std**2 / (std**2 + noise_std**2)
    errors = []
    for steps in (100, 200, 400):
        times = torch.cat([torch.tensor([80.0]), torch.linspace(noise_std, 0.0, steps + 1)])
        run = sdedit(ddpm, Measurement(Identity(), y, noise_std), strength=steps / (steps + 1))
        draws = []

        def impulse(x, draws=draws):
            draws.append(0)
            z = torch.zeros_like(x)
            z[len(draws)] = 1
            return z

        final = last(run(denoise, EDM(), torch.zeros(steps + 3), times, randn_like=impulse))
        variance = ((final[1:] - final[0]) ** 2).sum().item()
        assert final[0].item() == pytest.approx(exact_mean, abs=0.02)
        errors.append(abs(variance / exact_var - 1))
    assert errors[0] < 0.05
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.2)
