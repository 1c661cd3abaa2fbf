"""Brownian motion as a function of (seed, interval), and samplers on one path of it."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.brownian import Brownian
from core.discover import build
from core.sampling import last, per_example
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.state import Path, noise_over
from core.training.seeds import generator_of

TIMES = st.lists(st.floats(0, 1e7, allow_subnormal=False), min_size=3, max_size=6, unique=True).map(sorted)


def far_enough_apart(times):
    """Two places in 2^-20 of the later one: 16 times what is resolved."""
    return all(b - a > 2**-20 * b + 2**-60 for a, b in itertools.pairwise(times))


def increment(path, x, start, end):
    return path.over(x, start, end) * math.sqrt(end - start)


@settings(max_examples=25, deadline=None)
@given(times=TIMES.filter(far_enough_apart), seed=st.integers(0, 2**62))
def test_increments_over_a_partition_add_up(times, seed):
    """W(b) - W(a) and W(c) - W(b) give W(c) - W(a), whatever was asked before; places are rounded to 2^-24 of their
    octave, by which the lengths that standardise are wrong."""
    x = torch.empty(1, 4)
    parts = sum(increment(Brownian([seed]), x, a, b) for a, b in itertools.pairwise(times))
    whole = increment(Brownian([seed]), x, times[0], times[-1])
    assert torch.allclose(parts, whole, atol=10 * 2**-3 * math.sqrt(times[-1]))


def test_increments_are_independent_normals_of_the_length_of_the_interval():
    """Within an octave, across many, from zero; 20000 elements are as many paths. Five standard errors."""
    times, n = [0, 1e-13, 1e-3, 0.3, 0.5, 0.9, 0.9001, 1.0, 1.7, 40.0, 1e6], 20_000
    path, x = Brownian([7]), torch.empty(1, n)
    z = torch.cat([path.over(x, a, b) for a, b in itertools.pairwise(times)])
    assert z.mean(1).abs().max() < 5 / math.sqrt(n)
    assert torch.allclose(z @ z.T / n, torch.eye(len(z)), atol=5 * math.sqrt(2 / n))
    kurtosis = (z**4).mean(1)
    assert torch.allclose(kurtosis, torch.full_like(kurtosis, 3.0), atol=5 * math.sqrt(96 / n))


def test_the_bridge_has_the_covariance_of_brownian_motion():
    """Cov(W(s), W(t)) = min(s, t), at points that no dyadic node meets."""
    times, n = torch.tensor([0.1, 0.37, 1.1, 1.3, 3.3]), 20_000
    path, x = Brownian([3]), torch.empty(1, n)
    w = torch.cat([increment(path, x, 0.0, t) for t in times.tolist()])
    assert torch.allclose(w @ w.T / n, torch.minimum(times[:, None], times), atol=5 * math.sqrt(2 / n) * 3.3)


def test_an_increment_depends_on_its_seed_and_interval_alone():
    """Not on the batch, nor on what was asked before; the resolution is that of float64 times."""
    together, x = Brownian([1, 2, 3]), torch.empty(3, 5)
    want = together.over(x, 0.2, 7.0)
    together.over(x, 7.0, 9.0)
    together(x)
    assert torch.equal(together.over(x, 0.2, 7.0), want)
    assert torch.equal(Brownian([3]).over(x[:1], 0.2, 7.0)[0], want[2])
    assert not torch.equal(want[0], want[1])
    low = Brownian([1]).over(x[:1].bfloat16(), 0.2, 7.0)
    assert low.dtype == torch.bfloat16
    assert torch.equal(low, Brownian([1]).over(x[:1].float(), 0.2, 7.0).bfloat16())
    assert (Brownian([1]).over(x[:1], 2.0, 2.0) == 0).all()


def test_a_plain_draw_is_that_of_the_generator_of_the_seed():
    x = torch.empty(2, 3)
    path, plain = Brownian([5, 6]), per_example([generator_of(5), generator_of(6)])
    assert torch.equal(path(x), plain(x))
    assert torch.equal(path(x), plain(x))  # the second draw differs from the first, and equally
    assert isinstance(path, Path)


@pytest.mark.parametrize(
    ("start", "end", "line"),
    [
        (-1.0, 1.0, "needs 0 <= start <= end < inf, got -1.0 and 1.0"),
        (2.0, 1.0, "needs 0 <= start <= end < inf, got 2.0 and 1.0"),
        (1.0, math.inf, "needs 0 <= start <= end < inf, got 1.0 and inf"),
        (1.0, 1.0 + 2**-30, r"is shorter than 2\^-24 of its octave"),
    ],
)
def test_intervals_out_of_range_are_refused(start, end, line):
    with pytest.raises(ValueError, match=line):
        Brownian([0]).over(torch.empty(1, 2), start, end)


def test_a_source_without_a_path_is_asked_for_plain_noise():
    draw = noise_over(torch.ones_like, torch.tensor([0.0, 1.0, 4.0]))
    assert torch.equal(draw(torch.empty(2), 1), torch.ones(2))
    path, x = Brownian([0]), torch.empty(1, 2)
    assert torch.equal(noise_over(path, torch.tensor([0.0, 1.0, 4.0]))(x, 1), path.over(x, 1.0, 4.0))


SAMPLERS = [
    ("ddpm", {}),
    ("ddpm", {"variance": 1.0}),
    ("ddim", {"eta": 1.0}),
    ("euler_ancestral", {}),
    ("dpm_2_ancestral", {}),
    ("dpmpp_2m_sde", {}),
    ("dpmpp_3m_sde", {}),
    ("dpmpp_sde", {}),
    ("sa_solver", {}),
    ("predictor_corrector", {"corrector_steps": 0}),
    ("analytic_dpm", {}),
]


@pytest.fixture(scope="module")
def on_a_path():
    """`run(name, options, steps, source)`: 1000 elements, each on its own path, from noise to nearly clean."""

    def run(data, name, options, steps, source):
        schedule = Cosine()
        ends = log_snr(schedule, torch.tensor([0.9, 0.05]))
        times = schedule.time(torch.linspace(*ends.tolist(), steps + 1))
        x = torch.randn(1, 1000, generator=torch.Generator().manual_seed(0))
        return last(
            build("core.samplers", name, options)(data.denoise(schedule), schedule, x, times, randn_like=source)
        )

    return run


@pytest.fixture(scope="module")
def limit():
    """The limit that all share, once computed."""
    return {}


@pytest.mark.parametrize(("name", "options"), SAMPLERS, ids=str)
def test_all_samplers_converge_to_one_path(name, options, on_a_path, limit, two_modes):
    """Strongly, at the order 1 of methods that see increments of additive noise alone: to the same x, from far fewer
    steps, whatever the method. With fresh noise the distance would stay near sqrt(2) data deviations."""
    if not limit:
        limit["x"] = on_a_path(two_modes, "dpmpp_2m_sde", {}, 256, Brownian([5]))
    errors = [
        (on_a_path(two_modes, name, options, steps, Brownian([5])) - limit["x"]).square().mean().sqrt().item()
        for steps in (12, 48)
    ]
    assert math.log2(errors[0] / errors[1]) / 2 == pytest.approx(1.0, abs=0.25)
    assert errors[1] < 0.1


def test_fresh_noise_converges_to_no_path(on_a_path, limit, two_modes):
    if not limit:
        limit["x"] = on_a_path(two_modes, "dpmpp_2m_sde", {}, 256, Brownian([5]))
    other = on_a_path(two_modes, "dpmpp_2m_sde", {}, 48, per_example([generator_of(5)]))
    assert (other - limit["x"]).square().mean().sqrt() > 0.5
