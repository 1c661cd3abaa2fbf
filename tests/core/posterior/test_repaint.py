"""RePaint: replacement when it does not repeat, the forward chain when it does, and what repeating gains."""

import functools

import torch

from core.forward import noise_further
from core.grids.karras import karras
from core.measurement import Measurement, measure
from core.operators.mask import Mask, interval
from core.posterior.repaint import repaint
from core.posterior.replacement import replacement
from core.samplers.ddim import ddim
from core.samplers.ddpm import ddpm
from core.sampling import last, prior
from core.schedules.cosine import Cosine
from tests.core.posterior.problems import exact_posterior, seeded


def test_replacement_is_repaint_without_repeats_and_repaint_counts_its_calls(two, generator):
    measurement = measure(Mask(((0, 3),)), two.sample(1, generator))
    x, times, calls = torch.randn(2, 6, generator=generator), karras(Cosine(), 7), []

    def denoise(x, t):
        calls.append(t)
        return two.denoise(Cosine())(x, t)

    def run(solver):
        calls.clear()
        return last(solver(ddim, measurement)(denoise, Cosine(), x, times, randn_like=seeded())), len(calls)

    once, count = run(replacement)
    assert torch.equal(once, run(functools.partial(repaint, repeats=1, jump=3))[0])
    assert count == 7
    assert run(functools.partial(repaint, repeats=4, jump=3))[1] == 28


def test_repaint_noises_again_by_the_forward_chain(generator):
    """Two repeats of one step with noise 0: down, the known part in, up by alpha_t / alpha_s, and down again."""
    schedule, times = Cosine(), torch.tensor([0.6, 0.3])
    measurement, x = Measurement(interval(0, 2), torch.tensor([[9.0, 9.0, 0.5]])), torch.ones(1, 3)
    denoise = lambda x, t: x / 2  # noqa: E731
    step = lambda x: last(ddim(denoise, schedule, x, times))  # noqa: E731
    once = step(x)
    once[:, 2] = schedule.alpha(times[1]) * 0.5
    again = step(noise_further(schedule, once, times[1], times[0], torch.zeros(1, 3)))
    again[:, 2] = schedule.alpha(times[1]) * 0.5
    got = last(repaint(ddim, measurement, repeats=2)(denoise, schedule, x, times, randn_like=torch.zeros_like))
    assert torch.allclose(got, again)


def test_resampling_brings_repaint_nearer_to_the_posterior(two, generator):
    """Noise-free inpainting of the mixture: ten times through each step halves the error of the mean at least."""
    measurement = measure(Mask(((0, 3),)), two.sample(1, generator))
    posterior, n = exact_posterior(two, measurement), 500

    def gap(repeats):
        run = repaint(ddpm, measurement, repeats=repeats)
        x = prior(Cosine(), seeded(3)(torch.empty(n, 6)))
        times = karras(Cosine(), 30, sigma_max=40.0)
        final = last(run(two.denoise(Cosine()), Cosine(), x, times, randn_like=seeded(4)))
        return ((final.mean(0) - posterior.moments()[0]).norm() / posterior.moments()[1].trace().sqrt()).item()

    assert gap(10) < gap(1) / 2
