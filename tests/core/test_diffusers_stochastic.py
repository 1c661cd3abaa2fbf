"""Stochastic samplers against the schedulers of diffusers at the same noise levels and noise, in float64; and
where they differ, by how much and why."""

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy
import pytest
import torch

from core.discover import build
from core.samplers._sde import exact
from core.schedules.edm import EDM

STEPS = 16


@pytest.fixture(scope="module")
def diffusers():
    """The package, with its private modules; importing it takes seconds."""
    import diffusers.schedulers as package
    from diffusers.schedulers import (
        scheduling_dpmsolver_multistep,
        scheduling_euler_ancestral_discrete,
        scheduling_k_dpm_2_ancestral_discrete,
        scheduling_sasolver,
    )

    modules = [
        scheduling_dpmsolver_multistep,
        scheduling_euler_ancestral_discrete,
        scheduling_k_dpm_2_ancestral_discrete,
        scheduling_sasolver,
    ]
    return SimpleNamespace(package=package, modules=modules)


@pytest.fixture
def wide(monkeypatch, diffusers):
    """diffusers rounds levels and samples to float32 in between: not here. Its noise is ours."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(numpy, "float32", numpy.float64)
    source = noise_of(3)
    for module in diffusers.modules:
        monkeypatch.setattr(module, "randn_tensor", lambda shape, **options: source(torch.empty(shape)))
    return diffusers.package


def noise_of(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator)


def ours(name, options, data, levels, x, seed=3):
    """All states on EDM, where x is in units of x0, and every x that the denoiser was asked about."""
    seen, denoise = [], data.denoise(EDM())

    def recorded(x, t):
        seen.append(x)
        return denoise(x, t)

    sampler = build("core.samplers", name, options)
    states = sampler(recorded, EDM(), x, levels, randn_like=noise_of(seed))
    return torch.stack([state.x for state in states]), seen


def eps_of(data, x, level):
    return (x - data.denoise(EDM())(x, level)) / level


def test_euler_ancestral_is_theirs(wide, two_modes):
    scheduler = wide.EulerAncestralDiscreteScheduler(beta_schedule="scaled_linear")
    scheduler.set_timesteps(STEPS)
    levels = scheduler.sigmas
    x = start = levels[0] * torch.linspace(-2, 2, 9)
    theirs = []
    for t, level in zip(scheduler.timesteps, levels, strict=False):
        scheduler.scale_model_input(x, t)
        x = scheduler.step(eps_of(two_modes, x, level), t, x).prev_sample
        theirs.append(x)
    states, _ = ours("euler_ancestral", {}, two_modes, levels, start)
    assert levels.dtype == torch.float64
    assert torch.allclose(states, torch.stack(theirs), rtol=1e-9, atol=1e-9)


def test_dpm_2_ancestral_is_theirs(wide, two_modes):
    """They draw at every step but the last, as we do."""
    scheduler = wide.KDPM2AncestralDiscreteScheduler(beta_schedule="scaled_linear")
    scheduler.set_timesteps(STEPS)
    levels = torch.cat([scheduler.sigmas[:1], scheduler.sigmas[1:-1:2]])
    x = start = levels[0] * torch.linspace(-2, 2, 9)
    theirs = []
    for i, t in enumerate(scheduler.timesteps):
        level = scheduler.sigmas[i] if i % 2 == 0 else scheduler.sigmas_interpol[i - 1]
        x = scheduler.step(eps_of(two_modes, x, level), t, x).prev_sample
        theirs += [x] if i % 2 or i == len(scheduler.timesteps) - 1 else []
    states, _ = ours("dpm_2_ancestral", {}, two_modes, levels, start)
    assert torch.allclose(states, torch.stack(theirs), rtol=1e-9, atol=1e-9)


def multistep(package, data, start, **config):
    """Theirs, (levels, states), in units of x0: a sample of their variance-preserving form times sqrt(1 + level^2)."""
    scheduler = package.DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear", algorithm_type="sde-dpmsolver++", final_sigmas_type="zero", **config
    )
    scheduler.set_timesteps(STEPS)
    levels = scheduler.sigmas
    y, theirs = levels[0] * start / torch.hypot(levels[0], torch.ones(())), []
    for i, t in enumerate(scheduler.timesteps):
        unit = torch.sqrt(1 + levels[i] ** 2)
        y = scheduler.step(eps_of(data, y * unit, levels[i]), t, y).prev_sample
        theirs.append(y * torch.sqrt(1 + levels[i + 1] ** 2))
    return levels, torch.stack(theirs)


@pytest.mark.parametrize("form", ["midpoint", "heun"])
def test_dpmpp_2m_sde_is_theirs(form, wide, two_modes):
    start = torch.linspace(-2, 2, 9)
    levels, theirs = multistep(wide, two_modes, start, solver_order=2, solver_type=form)
    states, _ = ours("dpmpp_2m_sde", {"form": form}, two_modes, levels, levels[0] * start)
    assert torch.allclose(states, theirs, rtol=1e-9, atol=1e-9)


def third_step(data, levels, states, seen):
    """What a weight w of r^2 adds to the third state, w times the first result; and h, and the exact weight,
    the integral of 2 h e^(-2 h (1 - r)) r^2 over the step, by quadrature."""
    lam = -levels[:4].log()
    f0, f1, f2 = (data.denoise(EDM())(seen[i], levels[i]) for i in (2, 1, 0))
    second = ((f0 - f1) / (lam[2] - lam[1]) - (f1 - f2) / (lam[1] - lam[0])) / (lam[2] - lam[0])
    h, r = lam[3] - lam[2], torch.linspace(0, 1, 20_001)
    return second * h**2, h, torch.trapezoid(2 * h * torch.exp(-2 * h * (1 - r)) * r**2, r)


def test_dpmpp_3m_sde_of_diffusers_has_a_wrong_sign(wide, two_modes):
    """The first two steps agree. From the third on diffusers weighs the second divided difference of x0_hat by
    (1 - e^(-2 h) - 2 h) / (2 h)^2 - 1/2, below -1/2, where its integral is positive: the 1/2 should be added."""
    start = torch.linspace(-2, 2, 9)
    levels, theirs = multistep(wide, two_modes, start, solver_order=3, solver_type="heun")
    states, seen = ours("dpmpp_3m_sde", {}, two_modes, levels, levels[0] * start)
    assert torch.allclose(states[:2], theirs[:2], rtol=1e-9, atol=1e-9)
    unit, h, exactly = third_step(two_modes, levels, states, seen)
    published = (1 - torch.exp(-2 * h) - 2 * h) / (2 * h) ** 2 - 0.5
    assert published < -0.5
    assert exactly > 0
    assert torch.allclose(states[2] - theirs[2], unit * (exactly - published), rtol=1e-6, atol=1e-9)


def test_dpmpp_3m_sde_of_k_diffusion_halves_the_parabola(two_modes):
    """Its recursion in its own symbols, eta = 1: phi_3 is the weight of a second derivative, d2 is half of one."""
    denoise, levels = two_modes.denoise(EDM()), torch.logspace(1, -2, 17)
    x = start = levels[0] * torch.linspace(-2, 2, 9)
    noise, theirs, old, steps = noise_of(3), [], [], []
    for sigma, to in pairwise(levels[:4]):
        denoised, h = denoise(x, sigma), torch.log(sigma / to)
        x = torch.exp(-2 * h) * x - torch.expm1(-2 * h) * denoised
        phi_2 = torch.expm1(-2 * h) / (2 * h) + 1
        if len(old) == 1:
            x = x + phi_2 * (denoised - old[0]) / (steps[0] / h)
        if len(old) == 2:
            r0, r1 = steps[0] / h, steps[1] / h
            d1_0, d1_1 = (denoised - old[0]) / r0, (old[0] - old[1]) / r1
            d1, d2 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1), (d1_0 - d1_1) / (r0 + r1)
            x = x + phi_2 * d1 - (phi_2 / (2 * h) - 0.5) * d2
        x = x + noise(x) * to * torch.sqrt(-torch.expm1(-2 * h))
        old, steps = [denoised, *old], [h, *steps]
        theirs.append(x)
    states, seen = ours("dpmpp_3m_sde", {}, two_modes, levels, start)
    unit, _, exactly = third_step(two_modes, levels, states, seen)
    assert torch.allclose(states[:2], torch.stack(theirs[:2]), rtol=1e-9, atol=1e-9)
    assert torch.allclose(states[2] - theirs[2], unit * exactly / 2, rtol=1e-6, atol=1e-9)


def sa(package, data, start, tau, **orders):
    scheduler = package.SASolverScheduler(
        beta_schedule="scaled_linear", tau_func=lambda t: tau, lower_order_final=False, **orders
    )
    scheduler.set_timesteps(STEPS)
    levels, asked = scheduler.sigmas, []
    y = levels[0] * start / torch.hypot(levels[0], torch.ones(()))
    for i, t in enumerate(scheduler.timesteps):
        unit = torch.sqrt(1 + levels[i] ** 2)
        asked.append(y * unit)
        y = scheduler.step(eps_of(data, y * unit, levels[i]), t, y).prev_sample
    return scheduler, levels, torch.stack(asked)


@pytest.mark.parametrize("tau", [0.0, 0.6, 1.0])
def test_sa_solver_of_order_1_is_theirs(tau, wide, two_modes):
    """They return what is predicted and correct it when it comes back: what the network sees is the same."""
    start = torch.linspace(-2, 2, 9)
    _, levels, asked = sa(wide, two_modes, start, tau, predictor_order=1, corrector_order=1)
    options = {"tau": tau, "predictor": 1, "corrector": 1}
    _, seen = ours("sa_solver", options, two_modes, levels, levels[0] * start, seed=3)
    assert torch.allclose(torch.stack(seen[:STEPS]), asked, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("ahead", [False, True], ids=["predictor", "corrector"])
def test_sa_solver_weights_are_theirs_before_their_extra_terms(order, ahead, wide, two_modes):
    """At order 2 they add terms of third order to two weights, which change x but not its order: ours have none."""
    tau = 0.7
    scheduler, levels, _ = sa(wide, two_modes, torch.ones(1), tau, predictor_order=1, corrector_order=1)
    weights, lam = exact(EDM(), levels, tau**2, order, ahead=ahead), -levels.log()
    for i in range(3, 12):
        nodes = [lam[i + ahead - j] for j in range(order)]
        theirs = scheduler.get_coefficients_fn(order, lam[i], lam[i + 1], nodes, torch.tensor(tau))
        scale = (1 + tau**2) * levels[i + 1] * torch.exp(-(tau**2) * lam[i + 1])  # their sigma_t e^(-tau^2 lambda_t)
        assert torch.allclose(weights[:, i], torch.stack([torch.as_tensor(c) for c in theirs]) * scale, rtol=1e-7)


@pytest.mark.parametrize(("eta", "r"), [(1.0, 0.5), (0.6, 0.3)])
def test_dpmpp_sde_is_the_published_recursion(eta, r, two_modes):
    """k-diffusion's `sample_dpmpp_sde` in its own symbols (diffusers' copy needs a package that is not here), with the
    noise from t to s made of the noise up to the middle and after it. They take both from one Brownian motion
    in sigma, where the correlation is sqrt((sigma - sigma_m) / (sigma - sigma_s)): on the clock of the SDE, another."""
    denoise, levels = two_modes.denoise(EDM()), torch.logspace(1, -2, 9)
    x = start = levels[0] * torch.linspace(-2, 2, 9)
    noise, theirs = noise_of(3), []

    def down_up(start, end):
        up = eta * torch.sqrt(end**2 * (start**2 - end**2) / start**2)
        return torch.sqrt(end**2 - up**2), up

    for sigma, to in pairwise(levels):
        middle = torch.exp((1 - r) * sigma.log() + r * to.log())
        u, um, us = (level ** (-2 * eta**2) for level in (sigma, middle, to))
        first, second = noise(x), noise(x)
        denoised, (down, up) = denoise(x, sigma), down_up(sigma, middle)
        x_2 = down / sigma * x + (1 - down / sigma) * denoised + up * first
        denoised = (1 - 1 / (2 * r)) * denoised + denoise(x_2, middle) / (2 * r)
        down, up = down_up(sigma, to)
        whole = (torch.sqrt(um - u) * first + torch.sqrt(us - um) * second) / torch.sqrt(us - u)
        x = down / sigma * x + (1 - down / sigma) * denoised + up * whole
        theirs.append(x)
    states, _ = ours("dpmpp_sde", {"eta": eta, "r": r}, two_modes, levels, start)
    assert torch.allclose(states, torch.stack(theirs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.4, 2.0])
def test_eta_of_the_multistep_forms_is_the_published_one(eta, two_modes):
    """k-diffusion's `sample_dpmpp_2m_sde`, midpoint, in its own symbols: diffusers has eta = 1 alone."""
    denoise, levels = two_modes.denoise(EDM()), torch.logspace(1, -2, 9)
    x = start = levels[0] * torch.linspace(-2, 2, 9)
    noise, theirs, old, h_last = noise_of(3), [], None, math.inf
    for sigma, to in pairwise(levels):
        denoised, h = denoise(x, sigma), torch.log(sigma / to)
        x = to / sigma * torch.exp(-h * eta) * x + (1 - torch.exp(-h - h * eta)) * denoised
        if old is not None:
            x = x + 0.5 * (1 - torch.exp(-h - h * eta)) * h / h_last * (denoised - old)
        if eta > 0:
            x = x + noise(x) * to * torch.sqrt(1 - torch.exp(-2 * h * eta))
        old, h_last = denoised, h
        theirs.append(x)
    states, _ = ours("dpmpp_2m_sde", {"eta": eta}, two_modes, levels, start)
    assert torch.allclose(states, torch.stack(theirs), rtol=1e-9, atol=1e-9)
