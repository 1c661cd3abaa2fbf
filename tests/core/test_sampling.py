"""The loop's surroundings: the start, each example's own noise, other paths, dtypes, the end."""

import importlib
import math

import pytest
import torch

from core.discover import build, names
from core.grids.karras import karras
from core.samplers.ddim import ddim
from core.samplers.euler import euler
from core.sampling import along, last, per_example, prior
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified

SAMPLERS = [(n, {}) for n in names("core.samplers")]
SAMPLERS += [("ddpm", {"variance": 1.0}), ("ddim", {"eta": 1.0}), ("heun", {"s_churn": 4.0})]
schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
kinds = pytest.mark.parametrize("schedule", [Cosine(), Linear(), EDM(), Rectified()], ids=str)
samplers = pytest.mark.parametrize(("name", "options"), SAMPLERS, ids=str)


def stated(name, constant, default):
    return getattr(importlib.import_module(f"core.samplers.{name}"), constant, default)


@samplers
@schedules
def test_yields_one_state_per_step_at_the_times_of_the_grid(schedule, name, options, two_modes):
    times, x = karras(schedule, 5), torch.ones(3)
    states = list(build("core.samplers", name, options)(two_modes.denoise(schedule), schedule, x, times))
    assert torch.equal(torch.stack([t for t, _ in states]), times[1:])
    assert all(y.shape == x.shape and y.isfinite().all() for _, y in states)


@samplers
@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
def test_no_state_is_written_to_after_it_was_yielded(mode, name, options, two_modes):
    """Nor x itself; without a graph, sums are made in place."""
    times, x = karras(Linear(), 6), torch.linspace(-1, 1, 4)
    with mode():
        states = build("core.samplers", name, options)(
            two_modes.denoise(Linear()), Linear(), x, times, randn_like=torch.ones_like
        )
        seen = [(y, y.clone()) for _, y in states]
    assert torch.equal(x, torch.linspace(-1, 1, 4))
    assert all(torch.equal(y, copy) for y, copy in seen)


@samplers
@schedules
def test_calls_the_denoiser_with_scalar_times_above_zero(schedule, name, options):
    seen = []

    def denoise(x, t):
        seen.append(t)
        return x / 2

    last(build("core.samplers", name, options)(denoise, schedule, torch.ones(2), karras(schedule, 4)))
    assert all(t.shape == () and t.dtype == torch.float64 and schedule.sigma(t) > 0 for t in seen)
    if stated(name, "ADAPTIVE", False):
        return
    calls = stated(name, "CALLS", 1)
    from_pure_noise = schedule.alpha(torch.tensor(schedule.t_max)) == 0
    first, later = {"pndm": (3, 6), "plms": (1, 0)}.get(name, (0, 0))  # more calls of its first and of its next steps
    assert len(seen) == 3 * calls + 1 + first + later or (from_pure_noise and len(seen) == 2 * calls + 2 + later)


@samplers
@schedules
def test_one_step_onto_clean_data_is_the_denoised_signal(schedule, name, options):
    """Whatever the sampler, a step from t to sigma = 0 has only x0_hat to go to."""
    t = torch.tensor([0.4, 0.0]) * schedule.t_max
    sampler = build("core.samplers", name, options)
    final = last(sampler(lambda x, t: torch.full_like(x, 0.7), schedule, torch.ones(3), t))
    assert torch.allclose(final, torch.full((3,), 0.7), rtol=1e-12)


@samplers
@kinds
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_x_keeps_its_dtype_and_coefficients_do_not(schedule, name, options, dtype):
    """The float64 result within the rounding of x, which each of eight steps may repeat: coefficients rounded to
    bfloat16 would miss sigma = 0.002 and the ends of the grid altogether."""

    def run(dtype):
        g = torch.Generator().manual_seed(0)
        noise = lambda x: torch.randn(x.shape, generator=g).to(x)  # noqa: E731
        x = prior(schedule, torch.linspace(-1, 1, 64).to(dtype))
        sampler = build("core.samplers", name, options)
        return last(sampler(lambda x, t: (x * 0).add(0.5), schedule, x, karras(schedule, 8), randn_like=noise))

    got, exact = run(dtype), run(torch.float64)
    assert got.dtype == dtype
    assert ((got - exact).abs() <= 8 * torch.finfo(dtype).eps).all()


@samplers
@pytest.mark.parametrize(
    "mode", [torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)], ids=["inference", "autocast"]
)
def test_coefficients_do_not_feel_the_mode_of_the_caller(mode, name, options):
    """Derivatives of schedules work under inference mode, and autocast leaves float64 coefficients alone."""

    def run():
        sampler, x = build("core.samplers", name, options), torch.linspace(-1, 1, 6)
        return last(sampler(lambda x, t: x / 2, Linear(), x, karras(Linear(), 4), randn_like=torch.ones_like))

    with mode():
        inside = run()
    assert torch.equal(inside, run())


def test_prior_is_sigma_at_the_noisy_end(generator):
    noise = torch.randn(2, 3, generator=generator)
    assert torch.equal(prior(EDM(), noise), 80 * noise)
    assert torch.equal(prior(Rectified(), noise), noise)
    assert torch.equal(prior(EDM(), noise, 5.0), 5 * noise)
    assert torch.allclose(prior(Linear(), noise), noise, rtol=1e-4)
    assert prior(EDM(), noise.bfloat16(), torch.tensor(5.0)).dtype == torch.bfloat16


@samplers
def test_an_example_does_not_depend_on_its_batch(name, options):
    """Its own generator, and elementwise arithmetic (a vectorised exp rounds differently at the end of a batch)."""
    sampler, times = build("core.samplers", name, options), karras(Rectified(), 6)

    def sample(seeds):
        noise = per_example([torch.Generator().manual_seed(s) for s in seeds])
        x = prior(Rectified(), noise(torch.empty(len(seeds), 2, 3)))
        return last(sampler(lambda x, t: x / 2, Rectified(), x, times, randn_like=noise))

    together = sample([11, 12, 13, 14])
    same = torch.equal
    if stated(name, "ADAPTIVE", False):  # the batch chooses the steps
        same = lambda a, b: torch.allclose(a, b, rtol=1e-4, atol=1e-4)  # noqa: E731
    assert same(sample([13])[0], together[2])
    assert same(sample([14, 11]), together[[3, 0]])
    assert not torch.equal(together[0], together[1])


def test_per_example_noise_is_standard_normal_in_the_dtype_of_x():
    noise = per_example([torch.Generator().manual_seed(s) for s in range(4)])
    z = noise(torch.empty(4, 10_000))
    assert z.mean(1).tolist() == pytest.approx([0] * 4, abs=5 / 100)
    assert z.var(1).tolist() == pytest.approx([1] * 4, abs=5 * math.sqrt(2) / 100)
    low, high = (
        per_example([torch.Generator().manual_seed(0)])(torch.empty(1, 9, dtype=d))
        for d in (torch.bfloat16, torch.float32)
    )
    assert torch.equal(low, high.bfloat16())


def test_per_example_noise_needs_one_generator_per_example():
    with pytest.raises(ValueError, match="2 generators for a batch of 3: give one per example"):
        per_example([torch.Generator(), torch.Generator()])(torch.empty(3, 2))


def test_ddim_is_euler_along_the_edm_path(two_modes):
    """Song et al. 2021a, eq. 13: in x / alpha against sigma / alpha, DDIM is Euler's method."""
    times = karras(Cosine(), 8)
    x, denoise = torch.linspace(-2, 2, 9), two_modes.denoise(Cosine())
    for a, b in zip(ddim(denoise, Cosine(), x, times), along(EDM(), euler)(denoise, Cosine(), x, times), strict=True):
        assert torch.allclose(a.x, b.x, rtol=1e-9)
        assert a.t == b.t


PATHLESS = ["ddim", "dpm_2", "dpmpp_2m", "dpmpp_2s", "dpmpp_3m", "dpmpp_3s", "ipndm", "lms", "ode", "plms", "unipc"]


@pytest.mark.parametrize("name", PATHLESS)
@pytest.mark.parametrize("path", [Rectified(), Cosine(), EDM()], ids=str)
def test_those_in_log_snr_or_the_level_do_not_feel_the_path(name, path, two_modes):
    """They ask a schedule for alpha and sigma alone, so another path changes nothing, at any step size."""
    sampler = build("core.samplers", name)
    times, x = karras(Linear(), 6), torch.linspace(-1, 1, 9)
    denoise = two_modes.denoise(Linear())
    there = last(along(path, sampler)(denoise, Linear(), x, times))
    assert torch.allclose(there, last(sampler(denoise, Linear(), x, times)), rtol=1e-7)


def test_along_starts_at_pure_noise_where_the_path_does_too(two_modes):
    times, x, denoise = karras(Rectified(), 6), torch.linspace(-1, 1, 9), two_modes.denoise(Rectified())
    there = last(along(Cosine(), ddim)(denoise, Rectified(), x, times))
    assert torch.allclose(there, last(ddim(denoise, Rectified(), x, times)), rtol=1e-7)


@pytest.mark.parametrize("path", [EDM(), Linear()], ids=str)
def test_along_says_where_a_path_never_gets_to_pure_noise(path):
    states = along(path, ddim)(lambda x, t: x, Rectified(), torch.ones(1), torch.tensor([1.0, 0.5, 0.0]))
    with pytest.raises(
        ValueError, match=r"has no time for alpha = 0, where .* starts: give `times` a lower start"
    ) as line:
        last(states)
    assert "\n" not in str(line.value)


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("dpm_2", {"r": 1.0}, r"dpm_2: r must lie in \(0, 1\), got 1.0"),
        ("dpmpp_2s", {"r": 0.0}, r"dpmpp_2s: r must lie in \(0, 1\), got 0.0"),
        ("dpmpp_3s", {"r1": 0.7}, "dpmpp_3s: needs 0 < r1 < r2 < 1, got r1 0.7 and r2 0.66"),
        ("dpmpp_3m", {"curvature": 2.0}, r"dpmpp_3m: curvature must lie in \[0, 1\], got 2.0"),
        ("lms", {"order": 5}, "lms: order must be 1, 2, 3 or 4, got 5"),
        ("deis", {"order": 0}, "deis: order must be 1, 2, 3 or 4, got 0"),
        ("ipndm", {"order": 5}, "ipndm: order must be 1, 2, 3 or 4, got 5"),
        ("unipc", {"order": 4}, "unipc: order must be 1, 2 or 3 and variant bh1 or bh2, got 4 and 'bh2'"),
        ("unipc", {"variant": "bh3"}, "unipc: order must be 1, 2 or 3 and variant bh1 or bh2, got 3 and 'bh3'"),
        ("ode", {"rtol": 0.0}, "ode: rtol, atol and sigma_min must be positive, got 0.0"),
    ],
    ids=str,
)
def test_options_out_of_range_are_refused_in_one_line(name, options, line):
    with pytest.raises(ValueError, match=line) as caught:
        last(build("core.samplers", name, options)(lambda x, t: x, EDM(), torch.ones(1), torch.tensor([1.0, 0.5])))
    assert "\n" not in str(caught.value)


def test_an_adaptive_sampler_gives_up_where_no_step_is_small_enough():
    """A denoiser that is no number would be tried with ever smaller steps."""
    states = build("core.samplers", "ode")(lambda x, t: x * torch.nan, EDM(), torch.ones(1), torch.tensor([1.0, 0.5]))
    with pytest.raises(ArithmeticError, match="ode: no step is small enough at sigma / alpha = 1"):
        last(states)


def test_an_adaptive_sampler_asks_no_more_of_an_answer_than_its_dtype_holds():
    """bfloat16 answers carry an error of 2^-9, which no step makes smaller."""
    calls = []
    data = lambda x, t: calls.append(t) or x / (1 + t**2)  # noqa: E731
    x = torch.tensor([[1.0], [-2.0]]).bfloat16()
    final = last(build("core.samplers", "ode")(data, EDM(), x, torch.tensor([2.0, 0.1])))
    assert len(calls) < 60
    exact = x.double() * math.sqrt((1 + 0.1**2) / (1 + 2.0**2))  # of x0 ~ N(0, 1)
    assert torch.allclose(final.double(), exact, rtol=0.05)


def test_last_says_that_there_was_no_step():
    with pytest.raises(ValueError, match="made no step: `times` needs at least two entries"):
        last(ddim(lambda x, t: x, EDM(), torch.ones(1), torch.tensor([1.0])))
