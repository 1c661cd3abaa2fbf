"""Solvers of inverse problems, by discovery: their contract with every sampler, and the exact posterior of mixtures."""

import argparse
import functools
import math

import pytest
import torch

from benchmarks.inverse_problems import PROBLEMS, distance
from benchmarks.inverse_problems import data as exact_data
from core.analytic import Mixture
from core.composed import compose
from core.discover import build, names
from core.forward import noise_further, reversal
from core.grids.karras import karras
from core.measurement import Measurement, is_linear, measure, project
from core.operators.blur import Blur
from core.operators.clip import Clip
from core.operators.downsample import Downsample
from core.operators.identity import Identity
from core.operators.magnitude import Magnitude
from core.operators.mask import Mask, interval
from core.operators.stft_magnitude import STFTMagnitude
from core.posterior.ddnm import ddnm
from core.posterior.ddnm_plus import ddnm_plus
from core.posterior.diffpir import diffpir
from core.posterior.dps import dps
from core.posterior.moment_matching import moment_matching
from core.posterior.pigdm import pigdm
from core.posterior.repaint import repaint
from core.posterior.replacement import replacement
from core.posterior.sdedit import sdedit
from core.samplers.ddim import ddim
from core.samplers.ddpm import ddpm
from core.samplers.dpmpp_2m import dpmpp_2m
from core.sampling import along, last, per_example, prior
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified
from core.state import State

SOLVERS = [(n, {}) for n in names("core.posterior")]
SOLVERS += [("diffpir", {"zeta": 0.5}), ("repaint", {"jump": 2, "repeats": 2}), ("sdedit", {"strength": 1.0})]
solvers = pytest.mark.parametrize(("name", "options"), SOLVERS, ids=str)
samplers = pytest.mark.parametrize("sampler", names("core.samplers"))
schedules = pytest.mark.parametrize("schedule", [Cosine(), EDM(), Rectified()], ids=lambda s: type(s).__name__)
FITTING = ["ddnm", "replacement", "repaint"]
"""Those that take y as exact: their samples fit it."""


def seeded(seed=1):
    g = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=g)


def answer(solver, denoise, schedule, x, t):
    """What a solver that replaces `denoise` makes of it at (x, t): a sampler that returns it unchanged."""

    def ask(denoise, schedule, x, times, **options):
        yield State(times[1], denoise(x, times[0]))

    return last(solver(ask)(denoise, schedule, x, torch.stack([t, t / 2])))


def matrix(operator, d):
    """The rows of A that are not 0, and which they are."""
    a = operator(torch.eye(d)).T
    seen = a.abs().sum(1) > 0
    return a[seen], seen


@pytest.fixture
def gaussian():
    """Six neighbours that resemble each other: a covariance far from white."""
    i = torch.arange(6)
    cov = 0.25 * torch.exp(-(i[:, None] - i).abs() / 3.0)
    return Mixture(torch.ones(1), torch.full((1, 6), 0.2), cov[None])


@pytest.fixture
def white():
    return Mixture(torch.ones(1), torch.full((1, 6), 0.2), 0.25 * torch.eye(6)[None])


@pytest.fixture
def two(gaussian):
    mean = torch.stack([torch.full((6,), -0.6), torch.full((6,), 0.5)])
    return Mixture(torch.tensor([0.4, 0.6]), mean, gaussian.cov * torch.tensor([0.8, 1.2])[:, None, None])


def exact_posterior(data, measurement):
    a, seen = matrix(measurement.operator, 6)
    return data.posterior(a, measurement.y[0][seen], measurement.noise_std)


@samplers
@pytest.mark.parametrize("name", names("core.posterior"))
def test_the_contract_of_a_sampler_holds(sampler, name):
    """With every sampler one finite state per time of the grid, from pure noise to clean data."""
    measurement = Measurement(Mask(((0, 3),)), torch.linspace(-1, 1, 6)[None], 0.1)
    schedule, times, x = Rectified(), karras(Rectified(), 4), torch.linspace(-1, 1, 12).reshape(2, 6)
    options = {"repaint": {"repeats": 2}}.get(name, {})
    run = build("core.posterior", name, options)(build("core.samplers", sampler), measurement)
    states = list(run(lambda x, t: x / 4 + 0.1, schedule, x, times, randn_like=seeded()))
    assert torch.equal(torch.stack([s.t for s in states]), times[1:])
    assert all(s.x.shape == x.shape and s.x.isfinite().all() for s in states)


@solvers
@schedules
def test_every_schedule_and_a_change_of_path(name, options, schedule, two, generator):
    measurement = measure(Downsample(2), two.sample(1, generator), noise_std=0.1, randn_like=seeded(2))
    times, run = karras(schedule, 5), build("core.posterior", name, options)(ddim, measurement)
    x = prior(schedule, torch.randn(3, 6, generator=generator))
    for sampler in (run, along(Rectified(), run)):
        final = last(sampler(two.denoise(schedule), schedule, x, times, randn_like=seeded()))
        assert final.shape == x.shape
        assert final.abs().max() < 6


@solvers
def test_an_example_does_not_depend_on_its_batch(name, options, two, generator):
    y = Downsample(2)(two.sample(4, generator))
    times = karras(EDM(), 6)

    def sample(which):
        noise = per_example([torch.Generator().manual_seed(int(i)) for i in which])
        run = build("core.posterior", name, options)(ddim, Measurement(Downsample(2), y[which], 0.1))
        x = prior(EDM(), noise(torch.empty(len(which), 6)))
        return last(run(two.denoise(EDM()), EDM(), x, times, randn_like=noise))

    together = sample(torch.arange(4))
    assert torch.allclose(sample(torch.tensor([2]))[0], together[2], atol=1e-12)
    assert torch.allclose(sample(torch.tensor([3, 1])), together[[3, 1]], atol=1e-12)


@solvers
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference"])
def test_gradients_are_taken_whatever_the_mode_of_the_caller(name, options, mode, two, generator):
    measurement = measure(Blur(0.6), two.sample(1, generator), noise_std=0.1, randn_like=seeded(2))
    run = build("core.posterior", name, options)
    if name == "ddnm_plus":
        measurement = Measurement(Downsample(2), measurement.y[:, ::2], 0.1)
    x, times = 80 * torch.randn(2, 6, generator=generator), karras(EDM(), 4)

    def sample():
        return last(run(ddim, measurement)(two.denoise(EDM()), EDM(), x.clone(), times.clone(), randn_like=seeded()))

    with mode():
        inside = sample()
    assert torch.equal(inside, sample())


@solvers
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_x_keeps_its_dtype(name, options, dtype):
    """The float64 result within the rounding of x, which each of six steps and two noises may repeat."""
    measurement = Measurement(Downsample(2), torch.full((1, 32), 0.3), 0.1)
    noise = torch.linspace(-1, 1, 64)[None]

    def run(dtype):
        low = Measurement(Downsample(2), measurement.y.to(dtype), 0.1)
        sampler = build("core.posterior", name, options)(ddim, low)
        x = prior(Cosine(), noise.to(dtype))
        denoise = lambda x, t: x * 0.25 + 0.5  # noqa: E731
        return last(sampler(denoise, Cosine(), x, karras(Cosine(), 6), randn_like=lambda x: noise.flip(1).to(x)))

    got, want = run(dtype), run(torch.float64)
    assert got.dtype == dtype
    assert (got - want).abs().max() < 24 * torch.finfo(dtype).eps * max(1.0, want.abs().max().item())


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


def projected_operators():
    for name in names("core.operators"):
        operator = build("core.operators", name)
        if is_linear(operator) or hasattr(operator, "project"):
            yield name


@pytest.mark.parametrize("operator", projected_operators())
@samplers
def test_ddnm_fits_the_measurement_exactly(operator, sampler, generator):
    """To 1e-10, whatever the sampler: its last step lands on x0_y, which is in the set of signals that fit."""
    operator, schedule = build("core.operators", operator), Rectified()
    measurement = measure(operator, torch.randn(1, 3, 8, generator=generator))
    x, denoise = torch.randn(2, 3, 8, generator=generator), lambda x, t: x / 2
    final = last(ddnm(build("core.samplers", sampler), measurement)(denoise, schedule, x, karras(schedule, 4)))
    assert measurement.residual(final).abs().max() < 1e-10


@pytest.mark.parametrize("name", FITTING)
def test_the_known_region_is_untouched(name, two, generator):
    """Bit for bit, and at every time on the way it is y noised to that time."""
    measurement = measure(interval(2, 5), two.sample(1, generator))
    schedule, x = Cosine(), prior(Cosine(), torch.randn(3, 6, generator=generator))
    states = list(
        build("core.posterior", name)(ddim, measurement)(
            two.denoise(schedule), schedule, x, karras(schedule, 5), randn_like=torch.zeros_like
        )
    )
    known = [0, 1, 5]
    assert torch.equal(states[-1].x[:, known], measurement.y[:, known].expand(3, 3))
    if name != "ddnm":
        for t, y in states:
            assert torch.equal(y[:, known], (schedule.alpha(t) * measurement.y[:, known]).expand(3, 3))


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


def test_dps_takes_its_step_against_the_gradient_of_the_distance():
    """By hand: x0_hat = x / 2 and A = I, so d|y - x / 2| / dx = -(y - x / 2) / (2 |y - x / 2|)."""
    times, x, y = torch.tensor([1.0, 0.5]), torch.tensor([[2.0, 0.0]]), torch.tensor([[4.0, 4.0]])
    run = dps(ddim, Measurement(Identity(), y), scale=0.3)
    got = last(run(lambda x, t: x / 2, EDM(), x, times))
    plain = last(ddim(lambda x, t: x / 2, EDM(), x, times))
    assert torch.allclose(got, plain + 0.3 * torch.tensor([[3.0, 4.0]]) / (2 * 5))
    fits = dps(ddim, Measurement(Identity(), x / 2))
    assert torch.equal(last(fits(lambda x, t: x / 2, EDM(), x, times)), plain)


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


@pytest.mark.parametrize("operator", [Clip(0.4), Magnitude(), STFTMagnitude(8, 4)], ids=repr)
def test_nonlinear_operators_are_fitted_by_those_that_can(operator, generator):
    """White data of 16 elements: following the gradient, or projecting, leaves less of the residual than the prior."""
    data = Mixture(torch.ones(1), torch.zeros(1, 16), 0.25 * torch.eye(16)[None])
    measurement = measure(operator, data.sample(1, generator))
    times, x = karras(Cosine(), 40, sigma_max=40.0), prior(Cosine(), torch.randn(8, 16, generator=generator))

    def left(sampler):
        final = last(sampler(data.denoise(Cosine()), Cosine(), x, times))
        return measurement.residual(final).norm().item()

    free = left(ddim)
    scale = 0.2 if isinstance(operator, STFTMagnitude) else 1.0  # its frames overlap: the gradient is larger
    assert left(dps(ddim, measurement, scale=scale)) < free / 2
    if hasattr(operator, "project"):
        assert left(ddnm(ddim, measurement)) < 1e-10
        assert left(diffpir(ddim, measurement)) < 1e-10
        assert left(pigdm(ddim, measurement)) < free / 2
    else:
        for solver in (ddnm, diffpir, pigdm):
            with pytest.raises(ValueError, match="STFTMagnitude has neither pinv nor project"):
                left(solver(ddim, measurement))


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda m: pigdm(ddim, m, sigma_data=0.0), "pigdm: sigma_data must be positive, got 0.0"),
        (lambda m: moment_matching(ddim, m, iterations=0), "moment_matching: iterations must be at least 1, got 0"),
        (lambda m: moment_matching(ddim, m, sigma_data=-1.0), "moment_matching: sigma_data must be positive, got -1.0"),
        (lambda m: diffpir(ddim, m, lam=0.0), r"diffpir: needs lam > 0 and zeta in \[0, 1\], got 0.0 and 0.0"),
        (lambda m: diffpir(ddim, m, zeta=1.5), r"diffpir: needs lam > 0 and zeta in \[0, 1\], got 1.0 and 1.5"),
        (lambda m: dps(ddim, m, scale=-1.0), "dps: scale must not be negative, got -1.0"),
        (lambda m: repaint(ddim, m, jump=0), "repaint: jump and repeats must be at least 1, got 0 and 10"),
        (lambda m: sdedit(ddim, m, strength=1.5), r"sdedit: strength must lie in \[0, 1\], got 1.5"),
    ],
)
def test_options_out_of_range_are_refused(make, line):
    with pytest.raises(ValueError, match=line):
        make(Measurement(Identity(), torch.ones(1, 4)))


@pytest.mark.parametrize("solver", [replacement, repaint, ddnm_plus, moment_matching])
def test_solvers_that_need_a_matrix_say_so(solver):
    with pytest.raises(ValueError, match="needs a linear operator with adjoint and pinv, got Clip"):
        solver(ddim, Measurement(Clip(), torch.ones(1, 4)))
    if solver is ddnm_plus:
        with pytest.raises(
            ValueError, match="ddnm_plus needs an operator with A A\\^T = gram I on its range, which Blur"
        ):
            solver(ddim, Measurement(Blur(), torch.ones(1, 4)))


@pytest.mark.parametrize("solver", [pigdm, dps, moment_matching])
def test_a_denoiser_that_cuts_the_gradient_is_named(solver):
    run = solver(ddim, Measurement(Identity(), torch.ones(1, 4)))
    with pytest.raises(ValueError, match="the denoiser gives no gradient with respect to x: it must not run under no_"):
        last(run(torch.no_grad()(lambda x, t: x / 2), EDM(), torch.ones(1, 4), karras(EDM(), 3)))


def test_projection_of_a_linear_operator_is_the_nearest_fit(generator):
    x0, true = torch.randn(2, 5, 6, generator=generator)
    p = project(Downsample(2), x0, Downsample(2)(true))
    assert torch.allclose(Downsample(2)(p), Downsample(2)(true))
    assert ((p - x0).norm(dim=1) <= (true - x0).norm(dim=1)).all()
    assert math.isclose(((p - x0) * (true - p)).sum().item(), 0, abs_tol=1e-12)
