"""Encoding follows the exact flow upwards at the sampler's order, comes back, and blends along the arc."""

import importlib
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analytic import Mixture, Mixture1D
from core.discover import build, names
from core.grids.karras import karras
from core.grids.log_snr import log_snr
from core.inversion import blend, decode, encode, encode_states, leave_zero, reach_noise, round_trip_error, slerp
from core.samplers.ddim import ddim
from core.samplers.ddpm import ddpm
from core.samplers.dpmpp_2m import dpmpp_2m
from core.samplers.heun import heun
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

SCHEDULES = [Cosine(), EDM(), Rectified()]
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
ONE_STEP = ["ddim", "euler", "heun", "dpm_2", "rk4"]


def positive_times(schedule, steps):
    """Even in log-SNR from level 20 to 0.02, the times of t_max and 0 left out."""
    return log_snr(schedule, steps + 2, sigma_min=0.02, sigma_max=20.0)[1:-1]


def goes_both_ways(name):
    """Deterministic by default, found by listening, and without a choice of steps that knows one direction."""
    draws, times = [], positive_times(EDM(), 8)
    sampler = build("core.samplers", name)
    list(sampler(lambda x, t: x / 2, EDM(), torch.ones(1), times, randn_like=lambda x: draws.append(x) or x))
    return not draws and not hasattr(importlib.import_module(f"core.samplers.{name}"), "ADAPTIVE")


def slopes(errors):
    return [math.log2(a / b) for a, b in pairwise(errors)]


@pytest.mark.parametrize("name", [n for n in names("core.samplers") if goes_both_ways(n)])
@schedules
def test_encoding_follows_the_exact_flow_at_the_order_of_the_sampler(name, schedule, two_modes):
    """Every deterministic sampler runs upwards: against the flow of a two-mode mixture from level 0.02 to 20. Orders 1
    and 2 to 0.25; a higher one shows at least as 2, since a multistep rule starts lower."""
    sampler, order = build("core.samplers", name), importlib.import_module(f"core.samplers.{name}").ORDER
    x0, denoise, errors = torch.linspace(-2, 2, 16), two_modes.denoise(schedule), []
    for steps in (24, 48, 96):
        times = positive_times(schedule, steps)
        exact = two_modes.flow(schedule, x0, times[-1], times[0])
        errors.append(((encode(sampler, denoise, schedule, x0, times) - exact) / exact).abs().mean().item())
    if order <= 2:
        assert slopes(errors) == pytest.approx([order] * 2, abs=0.25)
    else:
        assert min(slopes(errors)) > 1.8


@pytest.mark.parametrize("name", [n for n in ONE_STEP if n in names("core.samplers")])
@schedules
def test_the_round_trip_closes_faster_than_an_even_order(name, schedule, two_modes):
    """Up and down with one step h and -h: the leading errors add where the order is odd and cancel where it is even."""
    sampler, order = build("core.samplers", name), importlib.import_module(f"core.samplers.{name}").ORDER
    x0 = torch.linspace(-2, 2, 16).reshape(2, 8)
    errors = [
        round_trip_error(sampler, two_modes.denoise(schedule), schedule, x0, positive_times(schedule, n)).mean().item()
        for n in (16, 32, 64)
    ]
    assert slopes(errors)[-1] == pytest.approx(order + (order + 1) % 2, abs=0.15)


@schedules
def test_leaving_zero_is_of_fourth_order_in_the_level(schedule, two_modes):
    x0, errors = torch.linspace(-2, 2, 16), []
    for level in (0.08, 0.04, 0.02, 0.01):
        t = schedule.time(torch.tensor(-2 * math.log(level)))
        exact = two_modes.flow(schedule, x0, torch.tensor(0.0), t)
        errors.append((leave_zero(two_modes.denoise(schedule), schedule, x0, t) - exact).abs().mean().item())
    assert slopes(errors) == pytest.approx([4] * 3, abs=0.15)


def test_reaching_noise_is_of_third_order(two_modes):
    """On `rectified`, whose last time is pure noise, from ever higher levels."""
    schedule, x, errors, end = Rectified(), torch.linspace(-2, 2, 16), [], torch.tensor(1.0)
    for level in (10.0, 20.0, 40.0, 80.0):
        t = torch.tensor(level / (1 + level))
        exact = two_modes.flow(schedule, x * schedule.sigma(t), t, end)
        reached = reach_noise(two_modes.denoise(schedule), schedule, x * schedule.sigma(t), t, end)
        errors.append((reached - exact).abs().mean().item())
    assert slopes(errors) == pytest.approx([3] * 3, abs=0.15)


@schedules
def test_from_clean_data_to_pure_noise_and_back(schedule, two_modes):
    """The whole grid, from 0 to t_max, alpha = 0 included: the code is the flow's, and standard normal in its level."""
    times, x0 = karras(schedule, 400), torch.linspace(-1.5, 1.5, 16).reshape(2, 8)
    denoise = two_modes.denoise(schedule)
    code = encode(dpmpp_2m, denoise, schedule, x0, times)
    exact = two_modes.flow(schedule, x0, torch.tensor(0.0), times[0])
    assert ((code - exact) / schedule.sigma(times[0])).abs().max() < 1e-3
    assert (decode(dpmpp_2m, denoise, schedule, code, times) - x0).abs().max() < 1e-3
    assert round_trip_error(dpmpp_2m, denoise, schedule, x0, times).shape == (2,)


def test_codes_of_data_are_standard_normal(two_modes, generator):
    """The probability-flow ODE carries p(x0) to the prior: first four moments within five standard errors."""
    schedule, n = Rectified(), 4000
    x0 = two_modes.sample((n,), generator)
    code = encode(dpmpp_2m, two_modes.denoise(schedule), schedule, x0, karras(schedule, 60))
    moments = [(code**k).mean().item() for k in (1, 2, 3, 4)]
    errors = [5 * math.sqrt(v / n) for v in (1, 2, 15, 96)]
    assert all(abs(m - w) < e for m, w, e in zip(moments, (0, 1, 0, 3), errors, strict=True))


def test_every_state_is_at_its_time(two_modes):
    times, x0 = karras(Cosine(), 6), torch.ones(3)
    states = list(encode_states(ddim, two_modes.denoise(Cosine()), Cosine(), x0, times))
    assert torch.equal(torch.stack([s.t for s in states]), times.flip(0)[1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_codes_keep_the_dtype(dtype, two_modes):
    """A bfloat16 code is the float64 one to the rounding that each of twelve steps may repeat."""
    x0, times = torch.linspace(-1, 1, 8), karras(Rectified(), 12)
    exact = encode(ddim, lambda x, t: x / 2, Rectified(), x0, times)
    got = encode(ddim, lambda x, t: x / 2, Rectified(), x0.to(dtype), times)
    assert got.dtype == dtype
    assert ((got - exact).abs() <= 12 * torch.finfo(dtype).eps * exact.abs().max()).all()


def test_blending_gaussians_is_known(generator):
    """Codes of N(0, C) are linear in x0, so the blend is the slerp of C^(-1/2) x0, coloured again."""
    root = torch.tensor([[0.9, 0.0, 0.0], [0.4, 0.5, 0.0], [-0.2, 0.3, 0.6]])
    data = Mixture(torch.ones(1), torch.zeros(1, 3), (root @ root.T)[None])
    a, b = torch.randn(2, 4, 3, generator=generator)
    values, axes = torch.linalg.eigh(root @ root.T)
    times, weight = karras(EDM(), 300), torch.tensor([0.0, 0.25, 0.5, 1.0])
    level = torch.hypot(values.sqrt(), torch.tensor(80.0)) / values.sqrt()
    want = slerp(a @ axes * level, b @ axes * level, weight) / level @ axes.T
    got = blend(dpmpp_2m, data.denoise(EDM()), EDM(), a, b, times, weight=weight)
    assert (got - want).abs().max() < 2e-3
    assert (got[0] - a[0]).abs().max() < 2e-3
    assert (got[3] - b[3]).abs().max() < 2e-3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.sampled_from([(5,), (2, 3), (1, 2, 4), (1,)]))
def test_slerp_keeps_length_and_divides_the_angle(seed, weight, event):
    a, b = torch.randn(2, 3, *event, generator=torch.Generator().manual_seed(seed))
    mid = slerp(a, b, weight)
    assert mid.isfinite().all()
    assert torch.allclose(slerp(b, a, 1 - weight), mid, atol=1e-9)
    assert torch.allclose(slerp(a, b, 0.0), a)
    assert torch.allclose(slerp(a, b, 1.0), b)
    if event != (1,):
        length = (1 - weight) * a.flatten(1).norm(dim=1) + weight * b.flatten(1).norm(dim=1)
        assert torch.allclose(mid.flatten(1).norm(dim=1), length, rtol=1e-9)

        def angle(u, v):
            return torch.cosine_similarity(u.flatten(1), v.flatten(1)).clamp(-1, 1).arccos()

        assert torch.allclose(angle(a, mid), weight * angle(a, b), atol=1e-6)


def test_slerp_of_orthogonal_and_of_parallel_codes():
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert torch.allclose(slerp(a, b, 0.5), torch.full((1, 2), math.sqrt(2)))
    assert torch.allclose(slerp(a, 3 * a, 0.5), 2 * a)
    assert slerp(a, -a, 0.25).tolist() == [[1.0, 0.0]]
    assert slerp(a.bfloat16(), b.bfloat16(), 0.5).dtype == torch.bfloat16


def test_mistakes_get_one_line(two_modes):
    denoise, x0 = two_modes.denoise(EDM()), torch.ones(2)
    with pytest.raises(
        ValueError, match="encode: `times` needs two entries, one where alpha and sigma are positive, got 1"
    ):
        encode(ddim, denoise, EDM(), x0, torch.tensor([1.0]))
    with pytest.raises(ValueError, match="inversion needs a sampler that draws no noise"):
        decode(ddpm, denoise, EDM(), x0, karras(EDM(), 3))
    with pytest.raises(ValueError, match=r"slerp: needs two tensors of one shape, got \(2,\) and \(3,\)"):
        slerp(torch.ones(2), torch.ones(3), 0.5)


def test_an_example_does_not_depend_on_its_batch(generator):
    data = Mixture1D(torch.tensor([0.4, 0.6]), torch.tensor([-0.5, 0.5]), torch.tensor([0.2, 0.3]))
    x0, times = torch.randn(3, 2, 4, generator=generator), karras(EDM(), 6)
    together = encode(heun, data.denoise(EDM()), EDM(), x0, times)
    for i in range(3):
        assert torch.allclose(encode(heun, data.denoise(EDM()), EDM(), x0[i : i + 1], times)[0], together[i])
