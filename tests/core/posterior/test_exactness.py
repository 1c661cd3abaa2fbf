"""Who is exact, on which data, and who is nearer than whom: against the exact posterior of mixtures."""

import argparse
import functools

import pytest
import torch

from benchmarks.inverse_problems import PROBLEMS, distance
from benchmarks.inverse_problems import data as exact_data
from core.composed import compose
from core.grids.karras import karras
from core.measurement import measure
from core.operators.blur import Blur
from core.operators.downsample import Downsample
from core.operators.identity import Identity
from core.operators.mask import Mask
from core.posterior.ddnm import ddnm
from core.posterior.diffpir import diffpir
from core.posterior.moment_matching import moment_matching
from core.posterior.pigdm import pigdm
from core.samplers.dpmpp_2m import dpmpp_2m
from core.sampling import last
from core.schedules.edm import EDM
from tests.core.posterior.problems import answer, exact_posterior, schedules, seeded


@schedules
@pytest.mark.parametrize("noise_std", [0.0, 0.2])
@pytest.mark.parametrize(
    "operator", [Mask(((0, 3),)), Downsample(2), Blur(0.4), compose(Downsample(2), Blur(0.4))], ids=repr
)
def test_moment_matching_is_the_exact_posterior_of_a_gaussian(schedule, noise_std, operator, gaussian, generator):
    """E[x0 | x_t, y] of any covariance to 1e-7, at all times down to clean: conditioning before or after the noising is
    the same. (Exact in exact arithmetic: the derivative's rounding is divided by alpha.)"""
    measurement = measure(operator, gaussian.sample(1, generator), noise_std=noise_std, randn_like=seeded(2))
    want = exact_posterior(gaussian, measurement).denoise(schedule)
    solver = functools.partial(moment_matching, measurement=measurement, iterations=12)
    for share in (0.9, 0.5, 0.1):
        t = torch.tensor(share * schedule.t_max)
        x = schedule.sigma(t) * torch.randn(4, 6, generator=generator)
        got = answer(lambda s: solver(s), gaussian.denoise(schedule), schedule, x, t)
        assert torch.allclose(got, want(x, t), atol=1e-7)


@schedules
@pytest.mark.parametrize("noise_std", [0.0, 0.2])
@pytest.mark.parametrize("operator", [Mask(((0, 3),)), Downsample(2), Blur(0.4), Identity()], ids=repr)
def test_pigdm_is_the_exact_posterior_of_white_data(schedule, noise_std, operator, white, gaussian, generator):
    """Of N(m, sigma_data^2 I), at alpha = 0 too; and not of neighbours that resemble each other."""
    measurement = measure(operator, white.sample(1, generator), noise_std=noise_std, randn_like=seeded(2))
    solver = functools.partial(pigdm, measurement=measurement, sigma_data=0.5)
    for share in (1.0, 0.9, 0.5, 0.1):
        t = torch.tensor(share * schedule.t_max)
        x = schedule.sigma(t) * torch.randn(4, 6, generator=generator)
        got = answer(lambda s: solver(s), white.denoise(schedule), schedule, x, t)
        assert torch.allclose(got, exact_posterior(white, measurement).denoise(schedule)(x, t), atol=1e-8)
    if noise_std > 0 or operator == Mask(((0, 3),)):
        got = answer(lambda s: solver(s), gaussian.denoise(schedule), schedule, x, t)
        exact = exact_posterior(gaussian, measurement).denoise(schedule)(x, t)
        assert (got - exact).abs().max() > 1e-4


def moments_of_affine(sampler, denoise, schedule, times):
    """Mean and covariance of what a deterministic, affine sampler makes of N(0, sigma(t_max)^2 I). No Monte Carlo."""
    scale = schedule.sigma(times[0])
    x = torch.cat([torch.zeros(1, 6), torch.eye(6)])
    y = last(sampler(denoise, schedule, x, times))
    gain = (y[1:] - y[0]).T
    return y[0], scale**2 * gain @ gain.T


def errors_against(posterior, mean, cov):
    """Of the mean, in standard deviations of the posterior; of the covariance, relative in Frobenius' norm."""
    exact_mean, exact_cov = posterior.moments()
    return ((mean - exact_mean).norm() / exact_cov.trace().sqrt()).item(), (
        (cov - exact_cov).norm() / exact_cov.norm()
    ).item()


def test_samples_of_a_gaussian_have_the_exact_moments_or_miss_them_in_this_order(gaussian, generator):
    """By affine recursion: moment matching is exact as steps grow, but for the start, which leaves out the mean of the
    data at level 80, 0.005 deviations of the posterior here; and who is nearer than whom does not change."""
    measurement = measure(Downsample(2), gaussian.sample(1, generator), noise_std=0.2, randn_like=seeded(2))
    posterior, schedule = exact_posterior(gaussian, measurement), EDM()

    def errors(solver, steps=120):
        run = solver(dpmpp_2m, measurement)
        mean, cov = moments_of_affine(run, gaussian.denoise(schedule), schedule, karras(schedule, steps))
        return errors_against(posterior, mean, cov)

    coarse, fine = errors(functools.partial(moment_matching, iterations=3), 40), errors(moment_matching)
    assert max(fine) < 0.01
    assert fine[1] < coarse[1] / 6  # second order: three times the steps, a ninth of the error
    covariances = {f.__name__: errors(f)[1] for f in (moment_matching, diffpir, pigdm, ddnm)}
    assert list(covariances) == sorted(covariances, key=covariances.__getitem__), covariances
    assert covariances["ddnm"] > 0.5


def test_the_table_of_exactness_keeps_its_order():
    """The columns of docs/inverse_problems.md, smaller: who differentiates the denoiser is near, who only replaces is
    far, resampling helps, guidance from half way is farthest, and noise that is taken as exact costs most of all."""
    args = argparse.Namespace(steps=30, samples=100, measurements=6)
    columns = {f"{d}: {label}": (d, operator, std) for d, label, operator, std in PROBLEMS}

    def distances(column, *solvers):
        data, operator, noise_std = columns[column]
        return [1000 * distance(name, exact_data()[data], operator, noise_std, args) for name in solvers]

    matched, guided, resampled, replaced, edited = distances(
        "mixture: mask", "moment_matching", "pigdm", "repaint", "replacement", "sdedit"
    )
    assert max(matched, resampled) < guided < replaced / 2 < edited / 4
    matched, balanced, noisy = distances("Gaussian: pool, 0.2", "moment_matching", "diffpir", "ddnm")
    assert matched < 15
    assert matched < balanced < noisy / 5
    assert all(abs(d) < 12 for c in columns for d in distances(c, None))
